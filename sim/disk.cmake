# The disk of the simulator: what io/file.c, io/store*.c and SQLite run on when nothing real is to be touched (sim/disk.h).
sotto_room(sim_disk SOURCES disk.c disk_crash.c disk_look.c disk_ops.c file.c vfs.c LIBS sotto_io_store sotto_io_shared sotto_base PkgConfig::SQLITE)
# io/file.c may come behind it on the linker's line: what it asks for is taken up at once
target_link_options(sotto_sim_disk INTERFACE LINKER:--undefined=sotto_sys_open)
target_include_directories(sotto_sim_disk PUBLIC ${CMAKE_SOURCE_DIR})

sotto_test(sim_disk LABEL property SOURCES test/disk_test.c LIBS sotto_sim_disk)
sotto_test(sim_disk_file SOURCES test/disk_file_test.c LIBS sotto_sim_disk)
sotto_test(sim_disk_store LABEL property TIMEOUT 300 SOURCES test/disk_store_test.c LIBS sotto_sim_disk)
