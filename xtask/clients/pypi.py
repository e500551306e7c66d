"""Prints what a client from PyPI receives, one event a line. Arguments: the module, the URL.

Neither client reconnects by itself: both are called again with the last id that they gave, as their users do.
"""

import sys
import time

import httpx
import httpx_sse
import requests
import sseclient


def read_sseclient(url, headers):
    with requests.get(url, stream=True, headers=headers) as response:
        yield from sseclient.SSEClient(response).events()


def read_httpx_sse(url, headers):
    with httpx.Client(timeout=None) as client:
        with httpx_sse.connect_sse(client, "GET", url, headers=headers) as source:
            yield from source.iter_sse()


READERS = {"sseclient": read_sseclient, "httpx_sse": read_httpx_sse}


def main(module, url):
    headers = {}
    while True:
        try:
            for event in READERS[module](url, dict(headers)):
                if event.id:
                    headers["Last-Event-ID"] = event.id
                if event.data:
                    print(f"received({event.data})", flush=True)
        except (OSError, httpx.HTTPError):
            pass
        time.sleep(1)


main(*sys.argv[1:])
