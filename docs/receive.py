#!/usr/bin/env python3
# receive.py PORT; the secret is in SPOCR_WEBHOOK_SECRET

import hashlib
import hmac
import http.server
import json
import os
import re
import sys
import time

secret = os.environ["SPOCR_WEBHOOK_SECRET"].encode()
seen = set()        # keep it in your database


def is_genuine(signature, body):
    match = re.fullmatch(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", signature)
    if not match or abs(time.time() - int(match[1])) > 300:
        return False
    mac = hmac.new(secret, match[1].encode() + b"." + body, hashlib.sha256)
    return hmac.compare_digest(mac.hexdigest(), match[2])


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        good = is_genuine(self.headers.get("X-Spaceocr-Signature", ""), body)
        self.send_response(204 if good else 401)
        self.end_headers()
        if not good:
            return

        event = json.loads(body)
        if event["id"] not in seen:
            seen.add(event["id"])
            print(event["type"], json.dumps(event["data"]), flush=True)


address = ("127.0.0.1", int(sys.argv[1]))
http.server.HTTPServer(address, Receiver).serve_forever()
