#!/usr/bin/python3
"""hubble_client.py TARGET COMMAND [JSON]: a client of Hubble's API that knows it by numbers alone, written apart from the server's contract.

TARGET: unix:///run/weir/hubble.sock, HOST:PORT, or tls:HOST:PORT,CA,CERT,KEY (CERT and KEY may be missing).
COMMAND: services | numbers | health [SERVICE] | nodes | namespaces | status | agent-events | weir
         flows REQUEST: prints a line of JSON for each response; "seconds" in it ends the stream.
         stall REQUEST: asks, reads nothing for "stall" seconds, then reads until it is told of a loss, and prints how many came and were lost.
Ends with 3 and prints the status where the server refuses."""
import json
import sys
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

KINDS = {"u": 4, "s": 9, "b": 8, "i": 5, "d": 1, "y": 12, "U": 13}  # uint64, string, bool, int32, double, bytes, uint32
NUMBERS = """
Time seconds=1i nanos=2i
Bool value=1b
Count value=1U
Eth source=1s destination=2s
Ip source=1s destination=2s ipVersion=3i
Flags FIN=1b SYN=2b RST=3b PSH=4b ACK=5b URG=6b ECE=7b CWR=8b NS=9b
Tcp source_port=1U destination_port=2U flags=3:Flags
Udp source_port=1U destination_port=2U
Icmp type=1U code=2U
L4 TCP=1:Tcp UDP=2:Udp ICMPv4=3:Icmp ICMPv6=4:Icmp SCTP=5:Udp
Work name=1s kind=2s
End ID=1U identity=2U namespace=3s labels=4*s pod_name=5s workloads=6*:Work cluster_name=7s
Header key=1s value=2s
Http code=1U method=2s url=3s protocol=4s headers=5*:Header
L7 type=1i latency_ns=2u http=101:Http
Event type=1i sub_type=2i
Service name=1s namespace=2s
Link index=1U name=2s
Policy name=1s namespace=2s labels=3*s revision=4u kind=5s
Flow time=1:Time verdict=2i drop_reason=3U ethernet=4:Eth IP=5:Ip l4=6:L4 source=8:End destination=9:End Type=10i node_name=11s source_names=13*s destination_names=14*s l7=15:L7 event_type=19:Event source_service=20:Service destination_service=21:Service traffic_direction=22i policy_match_type=23U trace_observation_point=24i drop_reason_desc=25i is_reply=26:Bool interface=28:Link uuid=34s egress_allowed_by=21001*:Policy ingress_allowed_by=21002*:Policy egress_denied_by=21004*:Policy ingress_denied_by=21005*:Policy Summary=100000s
TypeFilter type=1i match_sub_type=2b sub_type=3i
Experimental cel_expression=1*s
Filter source_ip=1*s source_pod=2*s destination_ip=3*s destination_pod=4*s verdict=5*i event_type=6*:TypeFilter source_fqdn=7*s destination_fqdn=8*s http_status_code=9*s source_label=10*s destination_label=11*s protocol=12*s source_port=13*s destination_port=14*s reply=15*b source_service=16*s destination_service=17*s dns_query=18*s source_identity=19*U destination_identity=20*U http_method=21*s http_path=22*s tcp_flags=23*:Flags node_name=24*s ip_version=25*i source_workload=26*:Work destination_workload=27*:Work uuid=29*s traffic_direction=30*i http_url=31*s drop_reason_desc=33*i experimental=999:Experimental
Mask paths=1*s
FlowsRequest number=1u follow=3b blacklist=5*:Filter whitelist=6*:Filter since=7:Time until=8:Time first=9b field_mask=10:Mask
Lost source=1i num_events_lost=2u
FlowsResponse flow=1:Flow lost_events=3:Lost node_name=1000s time=1001:Time
Nothing unused=99b
Tls enabled=1b server_name=2s
Node name=1s version=2s address=3s state=4i tls=5:Tls uptime_ns=6u num_flows=7u max_flows=8u seen_flows=9u
Nodes nodes=1*:Node
Namespace cluster=1s namespace=2s
Namespaces namespaces=1*:Namespace
Status num_flows=1u max_flows=2u seen_flows=3u uptime_ns=4u num_connected_nodes=5:Count num_unavailable_nodes=6:Count unavailable_nodes=7*s version=8s flows_rate=9d
HealthRequest service=1s
Health status=1i
Question file_containing_symbol=4s list_services=7s
Files files=1*y
Known name=1s
Services service=1*:Known
Refusal error_code=1i error_message=2s
Answer files=4:Files services=6:Services error=7:Refusal
"""


def messages():
    """The table above as message classes, by name."""
    file = descriptor_pb2.FileDescriptorProto(name="by_numbers.proto", package="n", syntax="proto3")
    for line in NUMBERS.strip().splitlines():
        name, *fields = line.split()
        message = file.message_type.add(name=name)
        for text in fields:
            field_name, rest = text.split("=")
            number = rest.rstrip("*usbidyU") if ":" not in rest else rest.split(":")[0].rstrip("*")
            field = message.field.add(name=field_name, json_name=field_name, number=int(number), label=3 if "*" in rest else 1)
            if ":" in rest:
                field.type, field.type_name = 11, ".n." + rest.split(":")[1]
            else:
                field.type = KINDS[rest[-1]]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    get = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return {m.name: get(pool.FindMessageTypeByName("n." + m.name)) for m in file.message_type}


M = messages()


def as_json(message):
    return json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True))


def connect(target):
    if not target.startswith("tls:"):
        return grpc.insecure_channel(target)
    address, *files = target[len("tls:"):].split(",")
    ca, cert, key = [open(f, "rb").read() for f in files] + [None] * (3 - len(files))
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, key, cert), [("grpc.ssl_target_name_override", "localhost")])


def unary(channel, method, request, answer):
    call = channel.unary_unary(method, type(request).SerializeToString, M[answer].FromString)
    return call(request, timeout=10)


def reflect(channel, question):
    call = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", M["Question"].SerializeToString, M["Answer"].FromString)
    return next(iter(call(iter([question]), timeout=10)))


def numbers(channel):
    """Compares what the server says of itself with the table above; prints what differs."""
    answer = reflect(channel, M["Question"](file_containing_symbol="observer.Observer"))
    theirs = {}
    for data in answer.files.files:
        file = descriptor_pb2.FileDescriptorProto.FromString(data)
        for message in file.message_type:
            theirs[f"{file.package}.{message.name}"] = {field.name: field.number for field in message.field}
    pairs = {"Flow": "flow.Flow", "Filter": "flow.FlowFilter", "End": "flow.Endpoint", "L4": "flow.Layer4", "L7": "flow.Layer7", "Http": "flow.HTTP", "Policy": "flow.Policy", "Lost": "flow.LostEvent",
             "FlowsRequest": "observer.GetFlowsRequest", "FlowsResponse": "observer.GetFlowsResponse", "Node": "observer.Node", "Status": "observer.ServerStatusResponse"}
    for ours, name in pairs.items():
        for field in M[ours].DESCRIPTOR.fields:
            if theirs.get(name, {}).get(field.name) != field.number:
                print(f"{name}.{field.name} is {theirs.get(name, {}).get(field.name)}, not {field.number}")


def flows(channel, options, answers, enough=lambda: False):
    seconds = options.pop("seconds", 10)
    stall = options.pop("stall", 0)
    request = json_format.ParseDict(options, M["FlowsRequest"]())
    call = channel.unary_stream("/observer.Observer/GetFlows", M["FlowsRequest"].SerializeToString, M["FlowsResponse"].FromString)(request, timeout=stall + seconds)
    if stall:
        call.initial_metadata()
        print("asked", flush=True)
        time.sleep(stall)
    try:
        for response in call:
            answers(response)
            if enough():
                call.cancel()
                return
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise


def main():
    target, command, *rest = sys.argv[1:]
    channel = connect(target)
    options = json.loads(rest[0]) if rest and command in ("flows", "stall") else {}
    if command == "services":
        print("\n".join(known.name for known in reflect(channel, M["Question"](list_services="*")).services.service))
    elif command == "numbers":
        numbers(channel)
    elif command == "health":
        print(unary(channel, "/grpc.health.v1.Health/Check", M["HealthRequest"](service=rest[0] if rest else ""), "Health").status)
    elif command in ("nodes", "namespaces", "status"):
        method, answer = {"nodes": ("GetNodes", "Nodes"), "namespaces": ("GetNamespaces", "Namespaces"), "status": ("ServerStatus", "Status")}[command]
        print(as_json(unary(channel, "/observer.Observer/" + method, M["Nothing"](), answer)))
    elif command == "agent-events":
        call = channel.unary_stream("/observer.Observer/GetAgentEvents", M["Nothing"].SerializeToString, M["Nothing"].FromString)
        print(len(list(call(M["Nothing"](), timeout=10))))
    elif command == "weir":
        unary(channel, "/weir.v1.Agent/GetStatus", M["Nothing"](), "Nothing")
    elif command == "flows":
        flows(channel, options, lambda response: print(as_json(response), flush=True))
    elif command == "stall":
        came = {"flows": 0, "lost": 0}

        def count(response):
            came["flows"] += response.HasField("flow")
            came["lost"] += response.lost_events.num_events_lost

        flows(channel, options, count, lambda: came["lost"] > 0)
        print(json.dumps(came))


try:
    main()
except grpc.RpcError as error:
    print(f"{error.code().name}: {error.details()}")
    sys.exit(3)
