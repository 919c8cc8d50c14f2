#!/usr/bin/env python3
"""Makes everything that follows from api/methods.json and api/errors.json.

    gen_api.py --api api --out DIR          api.h api.c errors_table.* cli_table.* openrpc_table.* rpc/test/fake_api.h in DIR
    gen_api.py --api api --openrpc FILE     the OpenRPC document
    gen_api.py --api api --docs docs/api.md writes the reference
    gen_api.py --api api --check docs/api.md  exit 1 when the reference is not current
    gen_api.py --api api --list             the methods as JSON, for tests

Only files whose content changed are written, so that nothing is built twice. Python 3, standard library only.
"""
import argparse
import json
import os
import re
import sys

STRINGS = {"string", "name", "token", "path", "secret", "contact", "Job", "Msg", "Cursor"}
TYPE_C = {"string": "STRING", "name": "NAME", "token": "TOKEN", "path": "PATH", "secret": "SECRET", "contact": "NAME", "Job": "TOKEN",
          "Msg": "TOKEN", "Cursor": "TOKEN", "Id": "ID", "Hash": "HASH", "bool": "BOOL", "int": "INT", "ms": "MS", "enum": "ENUM",
          "kinds": "KINDS", "confirm": "CONFIRM"}
TYPE_MAX = {"contact": 4096, "Job": 64, "Msg": 64, "Cursor": 64, "path": 4096}
TYPE_MIN = {"name": 1, "token": 1, "contact": 1, "Job": 1, "Msg": 1, "Cursor": 1, "path": 1}
FOREIGN_C = {"bytes": "BYTES", "string": "STRING", "uint32": "UINT32", "float64": "FLOAT64", "object": "OBJECT"}
FOREIGN_PARAMS_MAX = 4
ALWAYS = [1000, 1001, 1003, 1006, 1007, 1009, 1101, 1102, 1103, 1104, 1105, 1201, 2001, 2101]
PERMS = set("-rcwaxs")


def fail(text):
    sys.exit("gen_api: " + text)


def snake(name):
    return re.sub(r"([A-Z])", lambda m: "_" + m.group(1).lower(), name)


def kebab(name):
    return snake(name).replace("_", "-")


def camel(name):
    first, *rest = name.split(" ")
    return first + "".join(w[0].upper() + w[1:] for w in rest)


def cstr(text):
    return "NULL" if text is None else json.dumps(text, ensure_ascii=True) if text.isascii() else '"' + "".join(
        c if c.isascii() and c not in '"\\' else "\\" + c if c.isascii() else "".join("\\%03o" % b for b in c.encode()) for c in text) + '"'


def flag_of(param):
    """lifeMs -> life, waitMs -> for, anything else in words with hyphens."""
    if "flag" in param:
        return param["flag"]
    if param["name"] == "waitMs":
        return "for"
    if param["type"] == "ms" and param["name"].endswith("Ms"):
        return kebab(param["name"][:-2])
    return kebab(param["name"])


def load(folder):
    with open(os.path.join(folder, "methods.json"), encoding="utf-8") as f:
        api = json.load(f)
    with open(os.path.join(folder, "errors.json"), encoding="utf-8") as f:
        errors = json.load(f)["errors"]
    codes = {e["code"] for e in errors}
    if len(codes) != len(errors):
        fail("an error code stands twice")
    seen = set()
    for m in api["methods"]:
        name = m["name"]
        if not re.fullmatch(r"[a-z][a-z0-9]* [a-z][a-zA-Z]*", name) or name in seen:
            fail("bad or repeated method name " + name)
        seen.add(name)
        unknown = set(m) - {"name", "perm", "params", "result", "help", "detail", "errors", "write", "job", "list", "page", "short",
                            "positional", "destroys", "word", "oneOf", "since", "rpc"}
        if unknown or m["perm"] not in PERMS or not m.get("help"):
            fail("%s: %s" % (name, unknown or "permission or help"))
        m.setdefault("rpc", "sotto_" + camel(name))         # "rpc": a name that other people's programs know
        m.setdefault("write", False)
        m.setdefault("job", False)
        m.setdefault("errors", [])
        m.setdefault("short", [])
        m.setdefault("since", api["version"])
        params = m["params"] = list(m["params"])
        if m.get("list"):
            m.setdefault("result", "{items: %s[], next?}" % m["list"])
            if m.get("page", True):
                params += [{"name": "limit", "type": "int", "min": 1, "max": 200, "default": 50, "help": "at most so many"},
                           {"name": "after", "type": "Cursor", "optional": True, "help": "next of the page before"}]
        if m["perm"] == "s":        # the passphrase in the call itself
            params.append({"name": "passphrase", "type": "secret", "max": 1024, "help": "of the account"})
        if "result" not in m:
            fail(name + ": no result")
        for code in m["errors"]:
            if code not in codes:
                fail("%s: error %d has no text" % (name, code))
        names = set()
        flags = set()
        for p in params:
            kind = p["type"]
            if kind not in TYPE_C or p["name"] in names or flag_of(p) in flags or not p.get("help"):
                fail("%s: parameter %s" % (name, p["name"]))
            names.add(p["name"])
            flags.add(flag_of(p))
            p.setdefault("optional", False)
            if kind in STRINGS:
                p["max"] = p.get("max", TYPE_MAX.get(kind))
                p["min"] = p.get("min", TYPE_MIN.get(kind, 0))
                if p["max"] is None:
                    fail("%s: %s has no max" % (name, p["name"]))
            if kind in ("int", "ms") and not ("min" in p and "max" in p):
                fail("%s: %s has no range" % (name, p["name"]))
            if kind == "enum" and "default" in p and p["default"] not in p["values"]:
                fail("%s: %s default" % (name, p["name"]))
            if kind == "confirm" and not m.get("destroys"):
                fail(name + ": destroys what?")
        if "positional" not in m:   # the first scalar that is no secret
            m["positional"] = [p["name"] for p in params if p["type"] not in ("secret", "confirm", "bool")][:1]
        for p in m["positional"]:
            if p not in names:
                fail("%s: positional %s" % (name, p))
        if m.get("destroys") and not m.get("word"):
            m["word"] = next((p["word"] for p in params if p["type"] == "confirm"), None)
            if not m["word"]:
                fail(name + ": no word to confirm with")
    for m in api.setdefault("foreign", []):
        name = m["name"]
        if not re.fullmatch(r"[a-z0-9]+_[a-z][a-zA-Z]*", name) or name.startswith("sotto_") or name in seen:
            fail("bad or repeated foreign name " + name)
        seen.add(name)
        unknown = set(m) - {"name", "perm", "params", "result", "help", "errors", "write", "subscription"}
        if unknown or m["perm"] not in PERMS - {"s"} or not m.get("help") or "result" not in m:
            fail("%s: %s" % (name, unknown or "permission, help or result"))
        m.setdefault("write", False)
        m.setdefault("errors", [])
        m.setdefault("params", [])
        if len(m["params"]) > FOREIGN_PARAMS_MAX or any(p["type"] not in FOREIGN_C or not p.get("name") for p in m["params"]):
            fail(name + ": parameters")
    return api, errors


def c_name(m):
    return snake(m["name"].replace(" ", "_").replace("PoW", "Pow"))


def pointer(p):
    """Whether the field points to storage of the struct's own."""
    kind = p["type"]
    if kind in ("Id", "Hash"):
        return True
    return kind in ("bool", "int", "ms") and p["optional"] and "default" not in p


def enum_name(m, p):
    return "sotto_%s_%s" % (c_name(m), snake(p["name"]))


HEAD = "/* Generated by tools/gen_api.py from api/methods.json and api/errors.json: edit those. */\n"


def make_h(api, errors):
    out = [HEAD]
    w = out.append
    w('#ifndef SOTTO_API_H\n#define SOTTO_API_H\n\n#include "crypto/curve.h"\n\n#include <stdbool.h>\n#include <stdint.h>\n\nstruct sotto_call;\n')
    w("/* Public error codes (api/errors.json). */\nenum sotto_code {")
    w(",\n".join("    SOTTO_CODE_%s = %d" % (e["name"], e["code"]) for e in errors) + "\n};")
    w("const char *sotto_code_name(int code);          /* \"NOT_FOUND\"; NULL for a code that is not listed */\n")
    w("/* Kinds of events (experience.md 2.4). */\nenum sotto_api_event {")
    w(",\n".join("    SOTTO_API_EVENT_%s%s" % (k.upper().replace(".", "_"), "") for k, _ in api["events"]) + ",\n    SOTTO_API_EVENT_COUNT\n};")
    w("const char *sotto_api_event_name(enum sotto_api_event kind);      /* \"message.new\" */\n")
    w("enum sotto_method {")
    w("".join("    SOTTO_METHOD_%s,\n" % c_name(m).upper() for m in api["methods"]) + "    SOTTO_METHOD_COUNT\n};\n")
    w("/* Parameters, already checked. Texts are UTF-8; NULL or 0 of an enum = absent. All pointers live until the call is answered. */")
    for m in api["methods"]:
        for p in m["params"]:
            if p["type"] == "enum":
                first = [] if not p["optional"] or "default" in p else ["ABSENT"]
                up = enum_name(m, p).upper()
                w("enum %s { %s };" % (enum_name(m, p), ", ".join(
                    "%s_%s%s" % (up, v.upper(), " = 0" if v == "ABSENT" else " = 1" if i == len(first) else "") for i, v in enumerate(first + p["values"]))))
        w("struct sotto_%s_params {" % c_name(m))
        store = []
        count = 0
        for p in m["params"]:
            field = snake(p["name"])
            kind = p["type"]
            note = "/* %s */" % p["help"].replace("*/", "")
            if kind == "confirm":
                continue
            count += 1
            if kind in STRINGS:
                line = "const char *%s;" % field
            elif kind == "Id":
                line = "const struct sotto_id *%s;" % field
                store.append("struct sotto_id %s;" % field)
            elif kind == "Hash":
                line = "const uint8_t *%s;" % field
                store.append("uint8_t %s[32];" % field)
            elif kind in ("bool", "int", "ms"):
                c = "bool" if kind == "bool" else "uint64_t"
                if pointer(p):
                    line = "const %s *%s;" % (c, field)
                    store.append("%s %s;" % (c, field))
                else:
                    line = "%s %s;" % (c, field)
            elif kind == "enum":
                line = "enum %s %s;" % (enum_name(m, p), field)
            else:
                line = "uint32_t %s;" % field
            w("    %-40s %s%s" % (line, "/* optional */ " if p["optional"] and "default" not in p else "", note))
        if store:
            w("    struct { %s } store_;" % " ".join(store))
        if count == 0:
            w("    char none_;")
        w("};")
    w("union sotto_params {")
    for m in api["methods"]:
        w("    struct sotto_%s_params %s;" % (c_name(m), c_name(m)))
    w("};\n")
    w("/* Methods of other people's namespaces: parameters by position, errors with their words (rpc/foreign.h). */")
    w("enum sotto_foreign {")
    w("".join("    SOTTO_FOREIGN_%s,\n" % c_name(m).upper() for m in api["foreign"]) + "    SOTTO_FOREIGN_COUNT\n};")
    w("struct sotto_foreign_arg;\n")
    w("/* One handler for each method. Each answers exactly once, now or later: sotto_call_result or sotto_call_error (rpc/rpc.h). */")
    w("struct sotto_api {\n    void *ctx;")
    for m in api["methods"]:
        w("    void (*%s)(void *ctx, struct sotto_call *call, const struct sotto_%s_params *p);" % (c_name(m), c_name(m)))
    for m in api["foreign"]:
        w("    void (*%s)(void *ctx, struct sotto_call *call, const struct sotto_foreign_arg *args);" % c_name(m))
    w("};")
    w("/* The name of the first method without a handler, \"contact add\"; NULL when none is missing. */")
    w("const char *sotto_api_missing(const struct sotto_api *api);")
    w("\n#endif")
    return "\n".join(out) + "\n"


def spec_of(m, p, prefix):
    kind = p["type"]
    field = snake(p["name"])
    s = "struct sotto_%s_params" % c_name(m)
    at = "0" if kind == "confirm" else "offsetof(%s, %s)" % (s, field)
    store = "offsetof(%s, store_.%s)" % (s, field) if pointer(p) else "0"
    values = "NULL"
    fallback = 0
    if kind == "enum":
        values = prefix + field
        if "default" in p:
            fallback = p["values"].index(p["default"]) + 1
    elif kind == "confirm":
        values = prefix + field
    elif "default" in p:
        fallback = int(p["default"])
    return "{ %s, SOTTO_PARAM_%s, %s, %s, %s, %s, %du, %du, %du, %du, %s }" % (
        cstr(p["name"]), TYPE_C[kind], "true" if p["optional"] or "default" in p else "false", "true" if "default" in p else "false",
        at, store, p.get("min", 0), p.get("max", 0), p.get("chars", 0), fallback, values)


def make_c(api, errors):
    out = [HEAD]
    w = out.append
    w('#include "api.h"\n#include "rpc/dispatch.h"\n\n#include <string.h>\n')
    for m in api["methods"]:
        prefix = "v_%s_" % c_name(m)
        for p in m["params"]:
            if p["type"] in ("enum", "confirm"):
                vals = p["values"] if p["type"] == "enum" else [p["word"]]
                w("static const char *const %s%s[] = { %s, NULL };" % (prefix, snake(p["name"]), ", ".join(cstr(v) for v in vals)))
        if m["params"]:
            w("static const struct sotto_param_spec p_%s[] = {" % c_name(m))
            for p in m["params"]:
                w("    " + spec_of(m, p, prefix) + ",")
            w("};")
    w("\nconst struct sotto_method_spec sotto_method_specs[SOTTO_METHOD_COUNT] = {")
    for m in api["methods"]:
        one_of = sum(1 << i for i, p in enumerate(m["params"]) if p["name"] in m.get("oneOf", []))
        w("    [SOTTO_METHOD_%s] = { %s, %s, '%s', %s, %s, %s, %d, 0x%x }," % (
            c_name(m).upper(), cstr(m["name"]), cstr(m["rpc"]), m["perm"], str(m["write"]).lower(), str(m["job"]).lower(),
            "p_" + c_name(m) if m["params"] else "NULL", len(m["params"]), one_of))
    w("};\n")
    w("const struct sotto_foreign_spec sotto_foreign_specs[SOTTO_FOREIGN_COUNT] = {")
    for m in api["foreign"]:
        w("    [SOTTO_FOREIGN_%s] = { %s, %s, '%s', %s, %d, { %s } }," % (
            c_name(m).upper(), cstr(m["name"]), cstr(m.get("subscription")), m["perm"], str(m["write"]).lower(), len(m["params"]),
            ", ".join("SOTTO_FOREIGN_" + FOREIGN_C[p["type"]] for p in m["params"]) or "0"))
    w("};\n")
    w("static const char *const event_names[SOTTO_API_EVENT_COUNT] = { %s };" % ", ".join(cstr(k) for k, _ in api["events"]))
    w("const char *sotto_api_event_name(enum sotto_api_event kind) { return (unsigned)kind < SOTTO_API_EVENT_COUNT ? event_names[kind] : \"\"; }\n")
    w("_Static_assert(SOTTO_API_EVENT_COUNT <= 32, \"kinds are bits of a uint32_t\");")
    w("_Static_assert(sizeof(enum sotto_method) == sizeof(int), \"enums are stored as int by the decoder\");\n")
    w("bool sotto_api_has(const struct sotto_api *api, enum sotto_method m)\n{\n    switch (m) {")
    for m in api["methods"]:
        w("    case SOTTO_METHOD_%s: return api->%s != NULL;" % (c_name(m).upper(), c_name(m)))
    w("    case SOTTO_METHOD_COUNT: break;\n    }\n    return false;\n}\n")
    w("void sotto_api_dispatch(const struct sotto_api *api, enum sotto_method m, struct sotto_call *call, const union sotto_params *p)\n{\n    switch (m) {")
    for m in api["methods"]:
        w("    case SOTTO_METHOD_%s: api->%s(api->ctx, call, &p->%s); break;" % (c_name(m).upper(), c_name(m), c_name(m)))
    w("    case SOTTO_METHOD_COUNT: break;\n    }\n}\n")
    w("bool sotto_api_has_foreign(const struct sotto_api *api, enum sotto_foreign m)\n{\n    switch (m) {")
    for m in api["foreign"]:
        w("    case SOTTO_FOREIGN_%s: return api->%s != NULL;" % (c_name(m).upper(), c_name(m)))
    w("    case SOTTO_FOREIGN_COUNT: break;\n    }\n    return false;\n}\n")
    w("void sotto_api_dispatch_foreign(const struct sotto_api *api, enum sotto_foreign m, struct sotto_call *call, const struct sotto_foreign_arg *args)\n{\n    switch (m) {")
    for m in api["foreign"]:
        w("    case SOTTO_FOREIGN_%s: api->%s(api->ctx, call, args); break;" % (c_name(m).upper(), c_name(m)))
    w("    case SOTTO_FOREIGN_COUNT: break;\n    }\n}\n")
    w("const char *sotto_api_missing(const struct sotto_api *api)\n{")
    w("    for (int m = 0; m < SOTTO_METHOD_COUNT; m++)\n        if (!sotto_api_has(api, (enum sotto_method)m)) return sotto_method_specs[m].name;")
    w("    for (int m = 0; m < SOTTO_FOREIGN_COUNT; m++)\n        if (!sotto_api_has_foreign(api, (enum sotto_foreign)m)) return sotto_foreign_specs[m].name;")
    w("    return NULL;\n}")
    return "\n".join(out) + "\n"


def make_errors(errors):
    out = [HEAD, '#include "rpc/spec.h"\n#include "errors_table.h"\n']
    w = out.append
    w("const struct sotto_error_text sotto_error_texts[] = {")
    for e in sorted(errors, key=lambda e: e["code"]):
        w("    { %d, %s, %s, %s, %s, %d }," % (e["code"], cstr(e["name"]), cstr(e["what"]), cstr(e["why"]), cstr(e["todo"]), e["exit"]))
    w("};\nconst unsigned sotto_error_text_count = %d;" % len(errors))
    return "\n".join(out) + "\n"


ERRORS_H = HEAD + """#ifndef SOTTO_ERRORS_TABLE_H
#define SOTTO_ERRORS_TABLE_H

#include "rpc/spec.h"

extern const struct sotto_error_text sotto_error_texts[];      /* rising codes */
extern const unsigned sotto_error_text_count;

#endif
"""

CLI_H = HEAD + """#ifndef SOTTO_CLI_TABLE_H
#define SOTTO_CLI_TABLE_H

#include "rpc/spec.h"

struct sotto_cli_param {
    const char *name, *flag, *help;
    enum sotto_param_type type;
    bool optional, fresh;              /* fresh: a new secret, asked for twice */
    uint64_t min, max, chars;
    const char *const *values;         /* of an enum, a confirmation, a yes or no; NULL for a bool = a switch */
    const char *fallback;              /* shown in the help; NULL = none */
};
struct sotto_cli_verb {
    const char *object, *verb, *rpc, *help, *detail, *result, *since;
    char perm;
    bool write, job, list;
    const char *destroys, *word;       /* asks first; NULL = harmless */
    const struct sotto_cli_param *params;
    unsigned param_count;
    uint8_t positional[4];             /* indexes of params */
    unsigned positional_count;
    uint32_t one_of;
    const int *errors;                 /* ends with 0 */
};
struct sotto_cli_short {
    const char *word;
    unsigned verb;                     /* index into sotto_cli_verbs */
};

extern const struct sotto_cli_verb sotto_cli_verbs[];
extern const unsigned sotto_cli_verb_count;
extern const struct sotto_cli_short sotto_cli_shorts[];
extern const unsigned sotto_cli_short_count;
extern const char *const sotto_cli_events[];                   /* kinds, ends with NULL */

#endif
"""


def make_cli(api):
    out = [HEAD, '#include "cli_table.h"\n\nstatic const char *const v_yes_no[] = { "yes", "no", NULL };']
    w = out.append
    shorts = []
    for i, m in enumerate(api["methods"]):
        n = c_name(m)
        for s in m["short"]:
            shorts.append((s[0], i))
        for p in m["params"]:
            if p["type"] in ("enum", "confirm"):
                vals = p["values"] if p["type"] == "enum" else [p["word"]]
                w("static const char *const v_%s_%s[] = { %s, NULL };" % (n, snake(p["name"]), ", ".join(cstr(v) for v in vals)))
        if m["params"]:
            w("static const struct sotto_cli_param p_%s[] = {" % n)
            for p in m["params"]:
                values = "v_%s_%s" % (n, snake(p["name"])) if p["type"] in ("enum", "confirm") else "NULL"
                if p["type"] == "bool" and "default" not in p:      # a value, not a switch
                    values = "v_yes_no"
                default = p.get("default")
                text = None if default is None or default is False else duration(default) if p["type"] == "ms" else str(default)
                w("    { %s, %s, %s, SOTTO_PARAM_%s, %s, %s, %du, %du, %du, %s, %s }," % (
                    cstr(p["name"]), cstr(flag_of(p)), cstr(p["help"]), TYPE_C[p["type"]], "true" if p["optional"] or "default" in p else "false",
                    "true" if p.get("new") else "false", p.get("min", 0), p.get("max", 0), p.get("chars", 0), values, cstr(text)))
            w("};")
        codes = [] + m["errors"]
        w("static const int e_%s[] = { %s };" % (n, ", ".join([str(c) for c in codes] + ["0"])))
    w("\nconst struct sotto_cli_verb sotto_cli_verbs[] = {")
    for m in api["methods"]:
        n = c_name(m)
        obj, verb = m["name"].split(" ")
        names = [p["name"] for p in m["params"]]
        pos = [names.index(x) for x in m["positional"]]
        one_of = sum(1 << i for i, p in enumerate(m["params"]) if p["name"] in m.get("oneOf", []))
        w("    { %s, %s, %s, %s, %s, %s, %s, '%s', %s, %s, %s, %s, %s, %s, %d, { %s }, %d, 0x%x, e_%s }," % (
            cstr(obj), cstr(verb), cstr(m["rpc"]), cstr(m["help"]), cstr(m.get("detail")), cstr(m["result"]), cstr(m["since"]),
            m["perm"], str(m["write"]).lower(), str(m["job"]).lower(), str(bool(m.get("list"))).lower(), cstr(m.get("destroys")), cstr(m.get("word")),
            "p_" + n if m["params"] else "NULL", len(m["params"]), ", ".join(map(str, pos)) or "0", len(pos), one_of, n))
    w("};\nconst unsigned sotto_cli_verb_count = %d;" % len(api["methods"]))
    w("const struct sotto_cli_short sotto_cli_shorts[] = {")
    for word, i in shorts:
        w("    { %s, %d }," % (cstr(word), i))
    w("};\nconst unsigned sotto_cli_short_count = %d;" % len(shorts))
    w("const char *const sotto_cli_events[] = { %s, NULL };" % ", ".join(cstr(k) for k, _ in api["events"]))
    return "\n".join(out) + "\n"


def make_fake(api):
    """For tests: an api whose every handler is one function."""
    out = [HEAD, '#ifndef SOTTO_FAKE_API_H\n#define SOTTO_FAKE_API_H\n\n#include "api.h"\n\n#include <stddef.h>\n']
    w = out.append
    w("static void fake_called(void *ctx, struct sotto_call *call, enum sotto_method m, const void *params);")
    for m in api["methods"]:
        n = c_name(m)
        w("static void fake_%s(void *ctx, struct sotto_call *call, const struct sotto_%s_params *p) { fake_called(ctx, call, SOTTO_METHOD_%s, p); }" % (n, n, n.upper()))
    w("static void fake_foreign(void *ctx, struct sotto_call *call, enum sotto_foreign m, const struct sotto_foreign_arg *args);")
    for m in api["foreign"]:
        n = c_name(m)
        w("static void fake_%s(void *ctx, struct sotto_call *call, const struct sotto_foreign_arg *args) { fake_foreign(ctx, call, SOTTO_FOREIGN_%s, args); }" % (n, n.upper()))
    w("static const struct sotto_api fake_api = {\n    .ctx = NULL,")
    for m in api["methods"] + api["foreign"]:
        w("    .%s = fake_%s," % (c_name(m), c_name(m)))
    w("};\n\n#endif")
    return "\n".join(out) + "\n"


def schema_of(p):
    """A parameter as JSON Schema, draft 7."""
    kind = p["type"]
    if kind == "enum":
        return {"type": "string", "enum": p["values"]}
    if kind == "confirm":
        return {"const": p["word"]}
    if kind == "bool":
        return {"type": "boolean", **({"default": p["default"]} if "default" in p else {})}
    if kind in ("int", "ms"):
        return {"type": "integer", "minimum": p["min"], "maximum": p["max"], **({"default": p["default"]} if "default" in p else {})}
    if kind == "Id":
        return {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}
    if kind == "Hash":
        return {"type": "string", "pattern": "^0x[0-9a-fA-F]{64}$"}
    if kind == "kinds":
        return {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 64}
    out = {"type": "string", "minLength": 1 if p["min"] else 0, "maxLength": p.get("chars", p["max"])}
    if kind == "path":
        out["pattern"] = "^/"
    return out


def result_schema(text, types):
    """What the words of `result` say: a form of `types`, a list of one, an object, true, or anything."""
    word = re.sub(r"\[\d*\]$", "", text)
    one = {"$ref": "#/components/schemas/" + word} if word in types else {"type": "object"} if text.startswith("{") else {}
    if text == "true":
        return {"const": True}
    return {"type": "array", "items": one} if text.endswith("]") else one


def make_openrpc(api, errors):
    """OpenRPC 1.2.6: the table for programs of other people."""
    what = {e["code"]: re.sub(r"\[[^]]*\]", "", e["what"]) for e in errors}
    methods = []
    for m in api["methods"]:
        methods.append({
            "name": m["rpc"], "summary": m["help"], **({"description": m["detail"]} if m.get("detail") else {}), "paramStructure": "either",
            "params": [{"name": p["name"], "summary": p["help"], "required": not (p["optional"] or "default" in p), "schema": schema_of(p)} for p in m["params"]],
            "result": {"name": "result", "summary": m["result"], "schema": {"type": "object", "required": ["job"], "properties": {"job": {"type": "string"}}}
                       if m["job"] else result_schema(m["result"], api["types"])},
            "errors": [{"code": c, "message": what[c]} for c in sorted(set(m["errors"]) | set(ALWAYS))],
            "x-permission": m["perm"], "x-cli": usage(m), "x-since": m["since"]})
    kinds = {"string": {"type": "string"}, "bytes": {"type": "string", "pattern": "^0[xX]([0-9a-fA-F]{2})*$"}, "object": {"type": "object"},
             "uint32": {"type": "integer", "minimum": 0, "maximum": 4294967295}, "float64": {"type": "number"}}
    for m in api["foreign"]:
        said = " · ".join(m.get("errors", []))
        methods.append({
            "name": m["name"], "summary": m["help"], "paramStructure": "by-position",
            "params": [{"name": p["name"], "required": True, "schema": kinds[p["type"]]} for p in m["params"]],
            "result": {"name": "result", "summary": m["result"], "schema": result_schema(m["result"], {})},
            "errors": [{"code": -32000, "message": said}] if said else [], "x-permission": m["perm"], "x-since": m.get("since", api["version"])})
    return {"openrpc": "1.2.6", "info": {"title": "Sotto", "version": api["version"], "description": "The methods of a Sotto node."}, "methods": methods,
            "components": {"schemas": {k: {"type": "object", "description": v} for k, v in api["types"].items()}}}


OPENRPC_H = HEAD + """#ifndef SOTTO_OPENRPC_TABLE_H
#define SOTTO_OPENRPC_TABLE_H

#include <stddef.h>

extern const unsigned char sotto_openrpc[];         /* the OpenRPC document, JSON without a final zero */
extern const size_t sotto_openrpc_size;

#endif
"""


def make_openrpc_c(api, errors):
    text = json.dumps(make_openrpc(api, errors), separators=(",", ":")).encode()
    rows = [", ".join(str(b) for b in text[i:i + 48]) for i in range(0, len(text), 48)]
    return HEAD + '#include "openrpc_table.h"\n\nconst unsigned char sotto_openrpc[] = {\n    ' + ",\n    ".join(rows) + "\n};\n" \
        "const size_t sotto_openrpc_size = sizeof sotto_openrpc;\n"


def duration(ms):
    for size, unit in ((86400000, "d"), (3600000, "h"), (60000, "min"), (1000, "s")):
        if ms and ms % size == 0:
            return "%d%s" % (ms // size, unit)
    return "%dms" % ms if ms else "0"


def usage(m):
    parts = ["sotto " + m["name"]]
    for p in m["params"]:
        flag = flag_of(p)
        need = not (p["optional"] or "default" in p)
        if p["name"] in m["positional"]:
            text = re.sub("-", "_", flag).upper()
        elif p["type"] == "bool":
            text = "--" + flag if "default" in p else "--%s yes|no" % flag
        elif p["type"] == "secret":
            text = "--%s-file FILE" % flag
            need = False
        elif p["type"] == "enum":
            text = "--%s %s" % (flag, "|".join(p["values"]))
        elif p["type"] == "confirm":
            text = "--confirm " + p["word"]
        else:
            text = "--%s %s" % (flag, {"ms": "TIME", "int": "N", "path": "FILE"}.get(p["type"], "X"))
        parts.append(text if need else "[%s]" % text)
    if m.get("word") and not any(p["type"] == "confirm" for p in m["params"]):
        parts.append("[--confirm %s]" % m["word"])
    return " ".join(parts)


def type_text(p):
    kind = p["type"]
    if kind == "enum":
        return "one of " + ", ".join("`%s`" % v for v in p["values"])
    if kind == "kinds":
        return "list of event kinds"
    if kind == "confirm":
        return "the word `%s`" % p["word"]
    if kind == "secret":
        return "secret, at most %d bytes" % p["max"]
    if kind == "ms":
        return "milliseconds, %s to %s" % (duration(p["min"]), duration(p["max"]))
    if kind == "int":
        return "whole number, %d to %d" % (p["min"], p["max"])
    if kind == "bool":
        return "true or false"
    if kind in ("Id", "Hash"):
        return kind
    if kind == "contact":
        return "Id, link or alias"
    if kind in ("Job", "Msg", "Cursor"):
        return kind
    if kind == "path":
        return "absolute path"
    size = "at most %d characters" % p["chars"] if "chars" in p else "at most %d bytes" % p["max"]
    return {"string": "text, ", "name": "one line, ", "token": "word, "}[kind] + size


def make_docs(api, errors):
    w = []
    a = w.append
    a("# The methods of Sotto\n")
    a("Generated by `tools/gen_api.py` from `api/methods.json` and `api/errors.json`; edit those. JSON-RPC 2.0 over the node's unix socket, JSON values with a line end or without one, or HTTP "
      "`POST /rpc` and WebSocket `/ws` on the same socket and, with `Authorization: Bearer` and the token of `auth/cookie` or of `token create`, on "
      "`http.listen`. Batches of at most 100, a body of at most 5 MiB, depth at most 32. Parameters by name, or by position in the order written here; "
      "an unknown one is refused with -32602. `id` comes back byte for byte.\n")
    a("Types: `Id` = `0x` and 40 hex digits (EIP-55) · `Hash` = `0x` and 64 hex digits · `Job`, `Msg`, `Cursor` = opaque words. Methods marked **J** answer `{job}` at once; the result "
      "stands in the job when it ends (`job wait`, `event job.done`). Methods marked **W** change something and accept `requestKey` (16 to 64 characters): the same key within 24 h returns the "
      "first result. Lists give `{items[], next?}`; `next` goes into `after`.\n")
    a("Permissions: " + " · ".join("`%s` %s" % (k, v) for k, v in api["permissions"].items()) + ".\n")
    last = None
    for m in api["methods"]:
        obj = m["name"].split(" ")[0]
        if obj != last:
            a("\n## %s\n" % obj)
            last = obj
        marks = "".join(" **%s**" % x for x, on in (("J", m["job"]), ("W", m["write"])) if on)
        a("### %s  `%s`%s\n" % (m["rpc"], m["perm"], marks))
        a("%s. %s\n" % (m["help"][0].upper() + m["help"][1:], m.get("detail", "")) if m.get("detail") else "%s.\n" % (m["help"][0].upper() + m["help"][1:]))
        if m.get("destroys"):
            a("Destroys: %s\n" % m["destroys"])
        a("    " + usage(m))
        for s in m["short"]:
            a("    sotto " + s[0] + ("" if not s[1] else " " + s[1].upper()))
        a("")
        if m["params"]:
            a("| parameter | type | | flag | |\n| --- | --- | --- | --- | --- |")
            for p in m["params"]:
                need = "default %s" % (duration(p["default"]) if p["type"] == "ms" else json.dumps(p["default"])) if "default" in p else "optional" if p["optional"] else "needed"
                flag = "`--%s-file`, `--%s-fd` or a prompt" % (flag_of(p), flag_of(p)) if p["type"] == "secret" else "`--%s`" % flag_of(p)
                a("| `%s` | %s | %s | %s | %s |" % (p["name"], type_text(p), need, flag, p["help"]))
            a("")
        if m.get("oneOf"):
            a("Exactly one of %s.\n" % " and ".join("`%s`" % x for x in m["oneOf"]))
        a("Result%s: `%s`\n" % (" of the job" if m["job"] else "", m["result"]))
        if m["errors"]:
            a("Errors: " + " ".join(map(str, m["errors"])) + "\n")
    if api["foreign"]:
        a("\n## Names of other people\n")
        a("For libraries that were written for another node. Parameters by position only, an object refused with -32602; types as Go has them: `bytes` is `0x` and hex digits, numbers "
          "are JSON numbers, unknown members of an object are ignored and known ones matched without regard to case, null is zero, empty or absent. Errors carry that node's words; "
          "`data.name` is ours. Clients should look at the code. What holds for the whole node and everybody on it needs `a`, not `x`.\n")
        a("| method | | parameters | result | errors |\n| --- | --- | --- | --- | --- |")
        for m in api["foreign"]:
            params = [json.dumps(m["subscription"])] + ["%s: %s" % (p["name"], p["type"]) for p in m["params"][1:]] if m.get("subscription") else [
                "%s: %s" % (p["name"], p["type"]) for p in m["params"]]
            a("| `%s` %s | `%s` | %s | %s | %s |" % (m["name"], m["help"], m["perm"], ", ".join(params), "`%s`" % m["result"].replace("|", "\\|"),
                                                  "; ".join("`%s`" % x for x in m["errors"])))
        a("")
    a("\n## Forms\n")
    for k, v in api["types"].items():
        a("- `%s` %s" % (k, v))
    a("\nSizes, heights and times are whole numbers; times are unix milliseconds.\n")
    a("\n## Events\n")
    a("`{seq, cursor, ms, account, kind, data}`, ordered, at least once, kept 7 days or 200 000.\n")
    for k, v in api["events"]:
        a("- `%s` %s" % (k, v))
    a("\n## Errors\n")
    a("`{code, message, data: {name, what, why, todo, field?, state?, retryMs?, job?, oldest?, doc}}`. Any method may answer %s. "
      "A part in [ ] is left out when its value is not known; | separates what is tried in turn.\n" % " ".join(map(str, ALWAYS)))
    a("| code | name | text | exit |\n| --- | --- | --- | --- |")
    for e in errors:
        text = " ".join(x for x in (e["what"], e["why"], e["todo"]) if x)
        a("| %d | %s | %s | %d |" % (e["code"], e["name"], text.replace("|", "\\|"), e["exit"]))
    return "\n".join(w) + "\n"


def write(path, text):
    try:
        with open(path, encoding="utf-8") as f:
            if f.read() == text:
                return
    except FileNotFoundError:
        pass
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--api", required=True)
    ap.add_argument("--out")
    ap.add_argument("--docs")
    ap.add_argument("--check")
    ap.add_argument("--openrpc")
    ap.add_argument("--list", action="store_true")
    args = ap.parse_args()
    api, errors = load(args.api)
    if args.out:
        write(os.path.join(args.out, "api.h"), make_h(api, errors))
        write(os.path.join(args.out, "api.c"), make_c(api, errors))
        write(os.path.join(args.out, "errors_table.h"), ERRORS_H)
        write(os.path.join(args.out, "errors_table.c"), make_errors(errors))
        write(os.path.join(args.out, "cli_table.h"), CLI_H)
        write(os.path.join(args.out, "cli_table.c"), make_cli(api))
        write(os.path.join(args.out, "openrpc_table.h"), OPENRPC_H)
        write(os.path.join(args.out, "openrpc_table.c"), make_openrpc_c(api, errors))
        write(os.path.join(args.out, "rpc", "test", "fake_api.h"), make_fake(api))
    if args.docs:
        write(args.docs, make_docs(api, errors))
    if args.openrpc:
        write(args.openrpc, json.dumps(make_openrpc(api, errors), indent=1) + "\n")
    if args.list:
        json.dump(api["methods"], sys.stdout)
    if args.check:
        try:
            with open(args.check, encoding="utf-8") as f:
                same = f.read() == make_docs(api, errors)
        except FileNotFoundError:
            same = False
        if not same:
            sys.exit("%s is not current: python3 tools/gen_api.py --api api --docs %s" % (args.check, args.check))


if __name__ == "__main__":
    main()
