/* The one table of configuration keys (experience.md 5, 5.1; requirement G-12). A key that is not here does not exist.
 *
 * X(ID, "section.key", TYPE, "default", min, max, flags, "row", "meaning")
 *   TYPE   STRING LIST BOOL COUNT BYTES TIME WORD
 *   min, max  of COUNT; of BYTES in bytes; of TIME in ms; of STRING and each LIST item in bytes of text
 *   WORD   one of the words behind the last '|' of the meaning, parted by spaces
 *   flags  RESTART: read at start only; TEST: only on a network whose name starts with "test" (mark t); FIXED: not by `config set`
 *   row    of requirements.md or the design section the default comes from */
#ifndef SOTTO_IO_CONFIG_KEYS_H
#define SOTTO_IO_CONFIG_KEYS_H

#define SOTTO_CONFIG_MAP(X)                                                                                               \
    X(DATA_DIR, "data.dir", STRING, "", 0, 4000, RESTART | FIXED, "G-12", "folder of all data; empty: the user's data directory")   \
    X(DATA_SOCKET, "data.socket", STRING, "", 0, 107, RESTART | FIXED, "G-12", "path of the unix socket; empty: chosen by data.dir") \
    X(NETWORK_NAME, "network.name", STRING, "home", 1, 64, RESTART, "G-12", "name of the network; test... allows the keys for tests") \
    X(NETWORK_LISTEN, "network.listen", LIST, "0.0.0.0 ::", 1, 64, RESTART, "network.md 1", "addresses to listen on; empty: dial only") \
    X(NETWORK_PORT, "network.port", COUNT, "0", 0, 65535, RESTART, "network.md 1", "port of TCP and UDP; 0: random once, then kept")  \
    X(NETWORK_STATIC, "network.static", LIST, "", 1, 512, 0, "network.md 1", "peers that are always dialled, as enode or enr")\
    X(NETWORK_BOOTSTRAP, "network.bootstrap", LIST, "", 1, 512, RESTART, "network.md 1", "nodes where the search for others begins, as enode or enr") \
    X(NETWORK_DISCOVERY, "network.discovery", BOOL, "true", 0, 1, RESTART, "network.md 1", "looks for other nodes by discovery v4, on UDP at the same port; off with network.local unless set") \
    X(NETWORK_NAT, "network.nat", BOOL, "true", 0, 1, RESTART, "network.md 1", "asks the router for its port, by UPnP, then NAT-PMP, so that others can dial this node; never with network.local") \
    X(NETWORK_LAN, "network.lan", BOOL, "false", 0, 1, RESTART, "network.md 1", "finds nodes of the same local network by multicast to 239.255.83.84, UDP port 18384; off with network.proxy") \
    X(NETWORK_LAN_SECRET_FILE, "network.lan_secret_file", STRING, "", 0, 4000, RESTART | FIXED, "network.md 1", "0600 file of 64 hex digits that such nodes share; empty: strangers are answered") \
    X(NETWORK_PROXY, "network.proxy", STRING, "", 0, 64, RESTART, "network.md 1", "SOCKS5 proxy for every dial, as address:port; such as that of Tor") \
    X(NETWORK_PROXY_ONLY, "network.proxy_only", BOOL, "false", 0, 1, RESTART, "network.md 1", "nothing leaves but through the proxy: no UDP, no discovery, no port mapping, listens on loopback only") \
    X(NETWORK_LOCAL, "network.local", BOOL, "false", 0, 1, RESTART, "G-03", "this machine only: listens and dials on 127.0.0.1")   \
    X(RELAY_PROFILE, "relay.profile", WORD, "off", 0, 0, RESTART, "network.md 3", "cover traffic|off")                      \
    X(RELAY_RECEIPT, "relay.receipt", TIME, "120s", 0, 86400000, 0, "messaging.md 5", "mean delay before a receipt leaves")  \
    X(RELAY_WORK, "relay.work", COUNT, "19", 0, 32, RESTART | TEST, "network.md 5", "zero bits of work on native envelopes")  \
    X(RELAY_PLAIN, "relay.plain", BOOL, "false", 0, 1, 0, "network.md 4", "send through shh/6 neighbours when no first hop speaks sotto/1") \
    X(RELAY_POOL, "relay.pool", BYTES, "64MiB", 1048576, 4294967296, RESTART, "network.md 10", "largest sum of envelopes kept for others") \
    X(RELAY_FLUSH, "relay.flush", TIME, "1s", 1, 60000, RESTART, "network.md 10", "mean wait before news go to a neighbour; shorter tells more of where they came from") \
    X(RELAY_GATHER, "relay.gather", TIME, "10ms", 0, 60000, RESTART, "network.md 9", "what is not native and came from others goes on at once, but to each neighbour once in so long; 0s: as native") \
    X(WHISPER_BRIDGE, "whisper.bridge", BOOL, "false", 0, 1, RESTART, "network.md 1", "dials found nodes too that do not say they are of Sotto") \
    X(WHISPER_EXPORT_KEYS, "whisper.export_keys", BOOL, "false", 0, 1, 0, "W-19", "shh_getPrivateKey and shh_getSymKey hand keys out")    \
    X(LEDGER_BACKEND, "ledger.backend", WORD, "none", 0, 0, RESTART, "messaging.md 2.2", "where identities are registered|none") \
    X(VAULT_MEMORY, "vault.memory", BYTES, "256MiB", 67108864, 4294967296, 0, "messaging.md 1.2", "Argon2id memory for new passphrases") \
    X(VAULT_PASSES, "vault.passes", COUNT, "3", 2, 64, 0, "messaging.md 1.2", "Argon2id passes for new passphrases")        \
    X(VAULT_PASSPHRASE_FILE, "vault.passphrase_file", STRING, "", 0, 4000, RESTART | FIXED, "experience.md 5.1", "0600 file or credential that opens the accounts at start") \
    X(VAULT_LOCK_AFTER, "vault.lock_after", TIME, "600s", 0, 31536000000, 0, "messaging.md 1.3", "idle time after which an account with a passphrase locks; 0: never") \
    X(HTTP_LISTEN, "http.listen", STRING, "127.0.0.1", 0, 64, RESTART, "experience.md 5.1", "address of the HTTP door, on this machine; empty: unix socket only") \
    X(HTTP_PORT, "http.port", COUNT, "7377", 0, 65535, RESTART, "experience.md 5.1", "its port; 0: any free one, told by the ready line") \
    X(HTTP_HOSTS, "http.hosts", LIST, "", 1, 255, 0, "experience.md 2.5", "further names it may be called under, as name or name:port")  \
    X(LOG_LEVEL, "log.level", WORD, "info", 0, 0, 0, "experience.md 5", "least level logged|error warn info debug")          \
    X(LOG_FORMAT, "log.format", WORD, "auto", 0, 0, RESTART, "experience.md 5", "form of log lines|auto json text")          \
    X(METRICS_PRIVATE, "metrics.private", BOOL, "false", 0, 1, 0, "experience.md 5", "graphs also show what people do here, and so when somebody is there") \
    X(LIMITS_EVENTS, "limits.events", COUNT, "200000", 1000, 10000000, 0, "experience.md 2.4", "events kept")                \
    X(LIMITS_EVENT_AGE, "limits.event_age", TIME, "168h", 60000, 31536000000, 0, "experience.md 2.4", "age of the oldest event kept") \
    X(LIMITS_DOOR_CONNS, "limits.door_conns", COUNT, "64", 4, 4096, RESTART, "experience.md 2.5", "clients on the unix socket at once") \
    X(LIMITS_HTTP_CONNS, "limits.http_conns", COUNT, "128", 4, 4096, RESTART, "experience.md 2.5", "clients of the HTTP door at once")   \
    X(LIMITS_INBOUND, "limits.inbound", COUNT, "36", 0, 1024, RESTART, "network.md 1", "peers that dialled us")              \
    X(LIMITS_OUTBOUND, "limits.outbound", COUNT, "8", 1, 64, RESTART, "network.md 1", "peers that we dialled")              \
    X(LIMITS_STATIC, "limits.static", COUNT, "6", 0, 256, RESTART, "network.md 1", "static peers") \
    X(LIMITS_ENVELOPES, "limits.envelopes", COUNT, "20", 1, 1000000, RESTART, "network.md 1", "envelopes a second from and to each neighbour; 20 seconds' worth at once; alike on all nodes") \
    X(LIMITS_TABLES, "limits.tables", COUNT, "0", 0, 64, RESTART, "messaging.md 4.11", "busy contacts with tables for quicker keys, 208 KiB each, half of it locked; 0: none")

enum sotto_config_key_id {
#define SOTTO_CONFIG_ENUM(id, name, type, def, min, max, flags, row, text) SOTTO_KEY_##id,
    SOTTO_CONFIG_MAP(SOTTO_CONFIG_ENUM)
#undef SOTTO_CONFIG_ENUM
    SOTTO_KEYS
};

#endif
