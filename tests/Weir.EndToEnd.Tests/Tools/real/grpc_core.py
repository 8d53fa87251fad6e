# SPDX-License-Identifier: Apache-2.0
"""gRPC's C core at both ends, with the calls of echo.proto and metadata of every sort.

grpc_core.py serve PORT      grpc_core.py ask ADDRESS:PORT
"""
import hashlib
import sys
from concurrent import futures

import grpc

# A message of echo.proto is one string, in field 1.
NAME = "/weir.test.Echo/"
BINARY = [("trace-bin", bytes(range(256))), ("empty-bin", b""), ("comma-bin", b"a, b\x00"), ("x-text", "a b"), ("x-twice", "1"), ("x-twice", "2")]


def size(count):
    return bytes([count]) if count < 128 else bytes([count & 127 | 128]) + size(count >> 7)


def word(text):
    return b"\x0a" + size(len(text)) + text if text else b""


class Echo(grpc.GenericRpcHandler):
    def service(self, call):
        name = call.method.removeprefix(NAME)
        metadata = [(pair.key, pair.value) for pair in call.invocation_metadata if pair.key in dict(BINARY)]

        def say(request, context):
            context.send_initial_metadata(metadata)
            context.set_trailing_metadata((("after-bin", bytes(reversed(range(256)))), ("x-after", "yes")))
            if not request:
                context.abort(grpc.StatusCode.NOT_FOUND, "no word: caf\u00e9 % \n")
            return request

        def chat(requests, context):
            yield from requests

        return grpc.stream_stream_rpc_method_handler(chat) if name == "Chat" else grpc.unary_unary_rpc_method_handler(say)


def serve(port):
    server = grpc.server(futures.ThreadPoolExecutor(8), [Echo()], options=[("grpc.max_receive_message_length", -1)], compression=grpc.Compression.Gzip)
    server.add_insecure_port(f"0.0.0.0:{port}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def metadata_of(fields):
    return sorted((key, value) for key, value in fields)


def tell(name, call, answer=None):
    print("==", name, call.code(), repr(call.details()))
    print(metadata_of(call.initial_metadata()), metadata_of(call.trailing_metadata()))
    if answer is not None:
        print(len(answer), hashlib.sha256(answer).hexdigest())


def ask(address):
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_metadata_size", 65536)]
    with grpc.insecure_channel(address, options) as channel:
        say = channel.unary_unary(NAME + "Say")
        for name, text, more in [
            ("unary", b"hello", {}), ("large", b"x" * 3_000_000, {}), ("zipped", b"y" * 3_000_000, {"compression": grpc.Compression.Gzip}), ("deadline", b"z", {"timeout": 10})]:
            answer, call = say.with_call(word(text), metadata=BINARY, **more)
            tell(name, call, answer)
        for name, method, text in [("error", "Say", b""), ("unknown", "None", b"")]:
            try:
                channel.unary_unary(NAME + method)(word(text), timeout=10)
            except grpc.RpcError as e:
                tell(name, e)
        # The next word goes out when the last one is back.
        words = futures.Future()

        def next_words():
            nonlocal words
            for i in range(50):
                yield word(b"%d" % i)
                words.result(10)
                words = futures.Future()

        heard = []
        call = channel.stream_stream(NAME + "Chat")(next_words(), metadata=BINARY, timeout=15)
        for answer in call:
            heard.append(answer)
            words.set_result(None)
        tell("chat", call, b"".join(heard))
        many = [say.future(word(b"%d" % i)) for i in range(200)]
        print("== many", hashlib.sha256(b"".join(call.result(15) for call in many)).hexdigest())
        call = channel.stream_stream(NAME + "Chat")((word(b"x" * 100_000) for _ in range(100)), timeout=15)
        tell("flood", call, b"".join(call))


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](sys.argv[2])
