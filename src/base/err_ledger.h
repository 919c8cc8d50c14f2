/* How a call of the ledger can end: rows of the one list in base/err.h, R(X, code, name, text). The code is the number by which the
 * ledger's own protocols and proofs name it, the name is also the word that is logged. Codes never change. */
#ifndef SOTTO_BASE_ERR_LEDGER_H
#define SOTTO_BASE_ERR_LEDGER_H

#define SOTTO_ERR_LEDGER_MAP(R, X)                                                                                        \
    /* decoding */                                                                                                        \
    R(X, 0x0101, E_SHORT, "data ends too early")                                                                          \
    R(X, 0x0102, E_TRAILING, "data left over")                                                                            \
    R(X, 0x0103, E_COMPACT, "length not in its shortest form")                                                            \
    R(X, 0x0104, E_LIMIT, "count or length above its limit")                                                              \
    R(X, 0x0105, E_AMOUNT, "not an amount")                                                                               \
    R(X, 0x0106, E_POINT, "not a point on the curve")                                                                     \
    /* transactions */                                                                                                    \
    R(X, 0x0201, T_VERSION, "unknown transaction version")                                                                \
    R(X, 0x0202, T_SIZE, "transaction too large")                                                                         \
    R(X, 0x0203, T_EMPTY, "no input and no operation")                                                                    \
    R(X, 0x0204, T_DUP_INPUT, "same coin spent twice in one transaction")                                                 \
    R(X, 0x0205, T_VALUE, "value out of range")                                                                           \
    R(X, 0x0206, T_DATA, "data outputs too large")                                                                        \
    R(X, 0x0207, T_DATA_VALUE, "data output holds coins")                                                                 \
    R(X, 0x0208, T_EXT, "bad extension")                                                                                  \
    R(X, 0x0209, T_LOCKED, "locked until later")                                                                          \
    R(X, 0x020a, T_EXPIRED, "transaction has expired")                                                                    \
    R(X, 0x020b, T_NO_EXPIRY, "expiry missing or too far")                                                                \
    R(X, 0x020c, T_REPLAY, "already in the chain")                                                                        \
    R(X, 0x020d, T_MISSING, "coin unknown or already spent")                                                              \
    R(X, 0x020e, T_IMMATURE, "mined coin not yet spendable")                                                              \
    R(X, 0x020f, T_FUNDS, "outputs exceed inputs")                                                                        \
    R(X, 0x0210, T_FEE, "fee too low")                                                                                    \
    R(X, 0x0211, T_STAMP, "stamp missing or too weak")                                                                    \
    R(X, 0x0212, T_OP, "unknown operation")                                                                               \
    R(X, 0x0213, T_OP_FORM, "operation malformed")                                                                        \
    R(X, 0x0214, T_OP_TIME, "time of the operation out of range")                                                         \
    /* scripts */                                                                                                         \
    R(X, 0x0301, S_OPCODE, "opcode not allowed")                                                                          \
    R(X, 0x0302, S_PUSH, "push runs past the end")                                                                        \
    R(X, 0x0303, S_MINIMAL, "push not minimal")                                                                           \
    R(X, 0x0304, S_OPS, "too many opcodes")                                                                               \
    R(X, 0x0305, S_ELEMENT, "element too long")                                                                           \
    R(X, 0x0306, S_PUSH_ONLY, "unlocking script must only push")                                                          \
    R(X, 0x0307, S_STACK, "stack too deep or too short")                                                                  \
    R(X, 0x0308, S_NUMBER, "bad number")                                                                                  \
    R(X, 0x0309, S_MINIMAL_IF, "condition not empty or 1")                                                                \
    R(X, 0x030a, S_FALSE, "script ended false")                                                                           \
    R(X, 0x030b, S_CLEAN, "stack not clean")                                                                              \
    R(X, 0x030c, S_SIG_FORM, "signature not well formed")                                                                 \
    R(X, 0x030d, S_KEY_FORM, "key not well formed")                                                                       \
    R(X, 0x030e, S_DUMMY, "extra element not empty")                                                                      \
    R(X, 0x030f, S_ADDRESS, "key does not match the address")                                                             \
    R(X, 0x0310, S_SIGNATURE, "signature does not verify")                                                                \
    R(X, 0x0311, S_HASHTYPE, "unknown signature type")                                                                    \
    R(X, 0x0312, S_SINGLE, "no output for this input")                                                                    \
    R(X, 0x0313, S_COST, "script too expensive")                                                                          \
    R(X, 0x0314, S_EXP_SIZE, "operand longer than 4096 bits")                                                             \
    R(X, 0x0315, S_EXP_MINIMAL, "operand has a leading zero")                                                             \
    R(X, 0x0316, S_EXP_MODULUS, "modulus even or below 3")                                                                \
    R(X, 0x0317, S_EXP_BASE, "base not below the modulus")                                                                \
    R(X, 0x0318, S_VERIFY, "a VERIFY failed")                                                                             \
    R(X, 0x0319, S_RETURN, "output is unspendable")                                                                       \
    R(X, 0x031a, S_IF, "IF without ENDIF or the reverse")                                                                 \
    R(X, 0x031b, S_LOCK, "time lock not reached")                                                                         \
    /* headers, work, blocks */                                                                                           \
    R(X, 0x0401, H_SIZE, "header is not 224 bytes")                                                                       \
    R(X, 0x0402, H_FIELD, "wrong header field")                                                                           \
    R(X, 0x0403, H_PARENT, "parent unknown")                                                                              \
    R(X, 0x0404, H_TIME_OLD, "time not after the median")                                                                 \
    R(X, 0x0405, H_TIME_BACK, "time too far before the parent")                                                           \
    R(X, 0x0406, H_TIME_NEW, "time too far ahead")                                                                        \
    R(X, 0x0407, W_BITS, "bits malformed or not the expected ones")                                                       \
    R(X, 0x0408, W_WORK, "not enough work")                                                                               \
    R(X, 0x0409, B_SIZE, "block too large")                                                                               \
    R(X, 0x040a, B_DUP, "transaction twice in a block")                                                                   \
    R(X, 0x040b, B_ROOT, "a root does not match")                                                                         \
    R(X, 0x040c, B_COINBASE, "bad or missing coinbase")                                                                   \
    R(X, 0x040d, B_COST, "block too expensive")                                                                           \
    R(X, 0x040e, B_DEEP, "reorganisation too deep")                                                                       \
    /* registry */                                                                                                        \
    R(X, 0x0501, R_ID_KEY, "ID is not the hash of the key")                                                               \
    R(X, 0x0502, R_SAME_KEY, "signing key used for exchange")                                                             \
    R(X, 0x0503, R_EXISTS, "ID was registered before")                                                                    \
    R(X, 0x0504, R_VALIDITY, "validity period not allowed")                                                               \
    R(X, 0x0505, R_EXPIRED, "certificate has expired")                                                                    \
    R(X, 0x0506, R_FUTURE, "starts too far in the future")                                                                \
    R(X, 0x0507, R_DEADLINE, "signature deadline passed or too far")                                                      \
    R(X, 0x0508, R_SIG, "signature is not by the required key")                                                           \
    R(X, 0x0509, R_BOND, "wrong bond")                                                                                    \
    R(X, 0x050a, R_UNKNOWN, "ID not registered")                                                                          \
    R(X, 0x050b, R_REVOKED, "ID revoked")                                                                                 \
    R(X, 0x050c, R_SEQ, "wrong sequence number")                                                                          \
    R(X, 0x050d, R_RECOVERY, "not the recovery key")                                                                      \
    R(X, 0x050e, R_CERT, "certificate does not match its hash")                                                           \
    R(X, 0x050f, R_RANGE, "number too large for its field")                                                               \
    /* looking up an identity */                                                                                          \
    R(X, 0x0601, V_UNKNOWN, "ID not registered")                                                                          \
    R(X, 0x0602, V_REVOKED, "ID revoked")                                                                                 \
    R(X, 0x0603, V_NOT_YET, "key not yet valid")                                                                          \
    R(X, 0x0604, V_EXPIRED, "key no longer valid")                                                                        \
    R(X, 0x0605, V_TIME, "request too old or from the future")                                                            \
    R(X, 0x0606, V_SIG, "request not signed by its sender")                                                               \
    /* key negotiation */                                                                                                 \
    R(X, 0x0701, N_SUITE, "unknown suite")                                                                                \
    R(X, 0x0702, N_SHARE_SIZE, "share has the wrong length")                                                              \
    R(X, 0x0703, N_SHARE_RANGE, "share is 0, 1, p-1 or not below p")                                                      \
    R(X, 0x0704, N_SHARE_GROUP, "share outside the subgroup")                                                             \
    R(X, 0x0705, N_WIDTH, "chunk width not 16 or 26")                                                                     \
    R(X, 0x0706, N_COUNT, "wrong number of amounts")                                                                      \
    R(X, 0x0707, N_CHUNK, "amount outside its window")                                                                    \
    R(X, 0x0708, N_PAD, "padding not zero")                                                                               \
    R(X, 0x0709, N_CHECKSUM, "checksum wrong")                                                                            \
    R(X, 0x070a, N_HEAD, "head wrong")                                                                                    \
    R(X, 0x070b, N_SHORT, "message too short")                                                                            \
    R(X, 0x070c, N_TYPE, "unknown message type")                                                                          \
    R(X, 0x070d, N_LENGTH, "lengths do not fit the suite")                                                                \
    R(X, 0x070e, N_GROUP, "not a named group")                                                                            \
    R(X, 0x070f, N_SIG, "share not signed by the identity")                                                               \
    R(X, 0x0710, N_DEPTH, "not deep enough yet")                                                                          \
    R(X, 0x0711, N_UNCONFIRMED, "peer has not confirmed the key")                                                         \
    R(X, 0x0712, N_EXPIRED, "negotiation or key expired")                                                                 \
    /* proofs */                                                                                                          \
    R(X, 0x0801, P_FORM, "proof malformed")                                                                               \
    R(X, 0x0802, P_ROOT, "proof does not lead to the root")                                                               \
    R(X, 0x0803, P_PATH, "path has the wrong length")                                                                     \
    R(X, 0x0804, P_INDEX, "index out of range")                                                                           \
    /* pool */                                                                                                            \
    R(X, 0x0901, M_DUST, "output too small")                                                                              \
    R(X, 0x0902, M_QUOTA, "quota used up")                                                                                \
    R(X, 0x0903, M_FULL, "pool is full")                                                                                  \
    R(X, 0x0904, M_NONSTANDARD, "not a standard transaction")                                                             \
    R(X, 0x0905, M_REPLACE, "replacement pays too little")                                                                \
    /* consortium and votes */                                                                                            \
    R(X, 0x0a01, G_DENIED, "not permitted on this chain")                                                                 \
    R(X, 0x0a02, G_QUORUM, "not enough valid votes")                                                                      \
    R(X, 0x0a03, G_SET, "change of validators not allowed")                                                               \
    R(X, 0x0a04, G_SEQ, "vote is stale")                                                                                  \
    /* storage */                                                                                                         \
    R(X, 0x0b01, D_FOREIGN, "storage belongs to another chain")                                                           \
    R(X, 0x0b02, D_DAMAGED, "storage is damaged")                                                                         \
    R(X, 0x0b03, D_FULL, "disk is full")                                                                                  \
    R(X, 0x0b04, D_GENESIS, "genesis file not allowed")                                                                   \
    /* text form of scripts */                                                                                            \
    R(X, 0x0c01, A_WORD, "unknown word")                                                                                  \
    R(X, 0x0c02, A_NUMBER, "number not allowed here")

#endif
