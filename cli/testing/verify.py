"""Verifies what netsplit emits, with the libraries of Synapse: one JSON object a line on stdin, one line of counts out.

What these libraries do not know, the redaction of each room version, is written down here once more, from the pages of
the specification (rooms/v1 to rooms/v12, Redactions).
"""

import base64
import hashlib
import json
import sys

from canonicaljson import encode_canonical_json
from signedjson.key import decode_verify_key_bytes
from signedjson.sign import verify_signed_json


def unpadded(data):
    return base64.b64encode(data).decode().rstrip("=")


def decoded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def kept_content(event, version):
    kept = {
        "m.room.member": ["membership"] + (["join_authorised_via_users_server"] if version >= 9 else []),
        "m.room.create": ["creator"],
        "m.room.join_rules": ["join_rule"] + (["allow"] if version >= 8 else []),
        "m.room.power_levels": "ban events events_default kick redact state_default users users_default".split()
        + (["invite"] if version >= 11 else []),
        "m.room.history_visibility": ["history_visibility"],
        "m.room.aliases": ["aliases"] if version <= 5 else [],
        "m.room.redaction": ["redacts"] if version >= 11 else [],
    }.get(event["type"], [])
    content = event["content"]
    if event["type"] == "m.room.create" and version >= 11:
        return content
    return {key: content[key] for key in kept if key in content}


def redacted(event, version):
    kept = (
        "event_id type room_id sender state_key content hashes signatures depth prev_events auth_events "
        "origin_server_ts"
    ).split() + (["prev_state", "origin", "membership"] if version <= 10 else [])
    pruned = {key: event[key] for key in kept if key in event}
    pruned["content"] = kept_content(event, version)
    return pruned


def check_event(line, keys):
    event, version = line["pdu"], int(line["roomVersion"])
    hashed = {k: v for k, v in event.items() if k not in ("unsigned", "signatures", "hashes")}
    digest = unpadded(hashlib.sha256(encode_canonical_json(hashed)).digest())
    assert digest == event["hashes"]["sha256"], "content hash of " + json.dumps(event)
    server = event["sender"].split(":", 1)[1]
    for key_id in event["signatures"][server]:
        verify_signed_json(redacted(event, version), server, keys[server][key_id])


def check_request(line, keys):
    signed = {k: line[k] for k in ("method", "uri", "origin", "destination", "content") if k in line}
    signed["signatures"] = {line["origin"]: {line["key"]: line["sig"]}}
    verify_signed_json(signed, line["origin"], keys[line["origin"]][line["key"]])


def check_keys(line, keys):
    body = line["body"]
    server = body["server_name"]
    keys[server] = {
        key_id: decode_verify_key_bytes(key_id, decoded(key["key"])) for key_id, key in body["verify_keys"].items()
    }
    assert list(body["signatures"]) == [server], body
    for key_id in body["verify_keys"]:
        verify_signed_json(body, server, keys[server][key_id])


checks = {"keys": check_keys, "request": check_request, "event": check_event}
counts = {}
known = {}
for text in sys.stdin:
    line = json.loads(text)
    checks[line["kind"]](line, known)
    counts[line["kind"]] = counts.get(line["kind"], 0) + 1
print(json.dumps(counts))
