/* The address book on this node: what was found goes in, the host dials out of it, and the file network/book keeps it over a restart,
 * together with the guards. The file is sealed under a key made from the link key: it tells who our neighbours were. */
#include "node/impl.h"

#include "crypto/aead.h"
#include "crypto/hash.h"
#include "p2p/dial.h"

#define FILE_VERSION 1u
#define NONCE 24u
#define HEAD (1u + NONCE)
#define PLAIN_MAX (4u + SOTTO_DIAL_BYTES_MAX + SOTTO_BOOK_BYTES_MAX)

static enum sotto_err file_path(char out[SOTTO_PATH_MAX], const struct sotto_node *n)
{
    char dir[SOTTO_PATH_MAX];
    SOTTO_TRY(sotto_path_join(dir, n->data_dir, "network"));
    return sotto_path_join(out, dir, "book");
}

enum sotto_err sotto_neighbours_new(struct sotto_node *n, const struct sotto_scalar *key)
{
    struct sotto_book_config config = { .local = n->local, .group = sotto_group_of, .rng = &n->rng.rng };
    n->book_key = sotto_guard_new(sizeof *n->book_key, NULL);
    if (!n->book_key) return SOTTO_ERR_NOMEM;
    sotto_hkdf(n->book_key->b, sizeof n->book_key->b, sotto_span(NULL, 0), SOTTO_SPAN(key->b), "sotto/network/book", NULL, 0);
    return sotto_book_new(&n->book, &config);
}

void sotto_neighbours_free(struct sotto_node *n)
{
    sotto_book_free(n->book);
    sotto_guard_free(n->book_key);
    n->book = NULL;
    n->book_key = NULL;
}

static enum sotto_err take(struct sotto_node *n, struct sotto_span plain, struct sotto_now now)
{
    struct sotto_reader r = sotto_reader(plain);
    struct sotto_span dial, book;
    uint32_t size;
    SOTTO_TRY(sotto_get_u32(&r, &size));
    SOTTO_TRY(sotto_get_span(&r, &dial, size));
    SOTTO_TRY(sotto_get_span(&r, &book, sotto_reader_left(&r)));
    SOTTO_TRY(sotto_book_load(n->book, book, now));
    return sotto_dial_load(sotto_host_dialler(sotto_net_host(n->net)), dial, now);
}

static enum sotto_err load(struct sotto_node *n, struct sotto_now now)
{
    char path[SOTTO_PATH_MAX];
    struct sotto_buf file = sotto_buf_make(HEAD + PLAIN_MAX + SOTTO_TAG_SIZE), plain = sotto_buf_make(PLAIN_MAX);
    enum sotto_err err = file_path(path, n);
    if (err == SOTTO_OK) err = sotto_file_read(&file, path);
    if (err == SOTTO_OK && (file.size < HEAD + SOTTO_TAG_SIZE || file.data[0] != FILE_VERSION)) err = SOTTO_ERR_FORMAT;
    size_t size = err == SOTTO_OK ? file.size - HEAD - SOTTO_TAG_SIZE : 0;
    if (err == SOTTO_OK) err = sotto_buf_reserve(&plain, size);
    if (err == SOTTO_OK) err = sotto_xchacha_open(plain.data, n->book_key, file.data + 1, sotto_span(file.data, 1), sotto_span(file.data + HEAD, size + SOTTO_TAG_SIZE));
    if (err == SOTTO_OK) err = take(n, sotto_span(plain.data, size), now);
    sotto_buf_free(&file);
    sotto_buf_free(&plain);
    return err;
}

void sotto_neighbours_load(struct sotto_node *n)
{
    struct sotto_now now = sotto_io_now();
    struct sotto_dial *dial = sotto_host_dialler(sotto_net_host(n->net));
    n->book_saved_us = now.mono_us;
    enum sotto_err err = load(n, now);
    /* what cannot be read is given up: addresses are found again */
    if (err != SOTTO_OK && err != SOTTO_ERR_MISSING) sotto_log_line(n->log, SOTTO_LOG_WARN, "network", "book-lost", "reason=%s", sotto_err_name(err));
    for (unsigned i = 0; i < sotto_config_list_size(n->config, SOTTO_KEY_NETWORK_BOOTSTRAP); i++) {
        struct sotto_enode e;                             /* one that cannot be read, or is full: discovery has said so, or the others do */
        if (sotto_network_address(&e, sotto_config_list(n->config, SOTTO_KEY_NETWORK_BOOTSTRAP, i)) == SOTTO_OK && e.addr.port)
            (void)!sotto_dial_bootstrap(dial, &e);
    }
}

/* file stays empty where nobody was ever found: static peers stand in the configuration. */
static enum sotto_err seal(struct sotto_node *n, struct sotto_buf *file, struct sotto_buf *plain, struct sotto_now now)
{
    struct sotto_buf dial = sotto_buf_make(SOTTO_DIAL_BYTES_MAX);
    uint8_t nonce[NONCE];
    enum sotto_err err = sotto_dial_save(sotto_host_dialler(sotto_net_host(n->net)), &dial, now);
    if (err == SOTTO_OK) err = sotto_buf_add_u32(plain, (uint32_t)dial.size);
    if (err == SOTTO_OK) err = sotto_buf_add_span(plain, sotto_buf_span(&dial));
    if (err == SOTTO_OK) err = sotto_book_save(n->book, plain, now);
    bool none = dial.size == SOTTO_DIAL_BYTES_NONE && sotto_book_count(n->book, SOTTO_BOOK_ANY) == 0;
    sotto_buf_free(&dial);
    if (err != SOTTO_OK || none) return err;
    sotto_rng_fill(&n->rng.rng, nonce, sizeof nonce);
    SOTTO_TRY(sotto_buf_add_u8(file, FILE_VERSION));
    SOTTO_TRY(sotto_buf_add(file, nonce, sizeof nonce));
    SOTTO_TRY(sotto_buf_reserve(file, plain->size + SOTTO_TAG_SIZE));
    SOTTO_TRY(sotto_xchacha_seal(file->data + HEAD, n->book_key, nonce, sotto_span(file->data, 1), sotto_buf_span(plain)));
    file->size = HEAD + plain->size + SOTTO_TAG_SIZE;
    return SOTTO_OK;
}

void sotto_neighbours_save(struct sotto_node *n)
{
    char path[SOTTO_PATH_MAX];
    struct sotto_now now = sotto_io_now();
    if (!n->book || !n->net || !sotto_host_dialler(sotto_net_host(n->net))) return;
    n->book_saved_us = now.mono_us;
    struct sotto_buf file = sotto_buf_make(HEAD + PLAIN_MAX + SOTTO_TAG_SIZE), plain = sotto_buf_make(PLAIN_MAX);
    enum sotto_err err = seal(n, &file, &plain, now);
    if (err == SOTTO_OK) err = file_path(path, n);
    if (err == SOTTO_OK && file.size) err = sotto_file_replace(path, sotto_buf_span(&file));
    if (err != SOTTO_OK) sotto_log_line(n->log, SOTTO_LOG_WARN, "network", "book-not-saved", "reason=%s", sotto_err_name(err));
    sotto_buf_free(&file);
    sotto_buf_free(&plain);
}

void sotto_neighbours_tick(struct sotto_node *n, struct sotto_now now)
{
    if (now.mono_us - n->book_saved_us >= SOTTO_BOOK_SAVE_US) sotto_neighbours_save(n);
}

enum sotto_err sotto_network_learned(struct sotto_node *n, const struct sotto_enode *node, const struct sotto_addr *source)
{
    if (n->stopping || !n->net || memcmp(node->key, n->self.key, 64) == 0) return SOTTO_ERR_STATE;
    enum sotto_err err = sotto_book_learn(n->book, node, source, sotto_io_now());
    if (err == SOTTO_OK) sotto_network_wake(n);           /* the host looks whether it has a place for it */
    return err;
}
