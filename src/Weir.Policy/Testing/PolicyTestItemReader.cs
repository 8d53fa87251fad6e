// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy.Evaluation;
using Weir.Policy.Reading;

namespace Weir.Policy.Testing;

/// <summary>Reads one item of tests.</summary>
internal sealed class PolicyTestItemReader(ReadContext context, TestPartyReader parties)
{
    private static readonly FieldSet _test = new("a test", ["name", "from", "to", "port", "request", "expect", "by"], []);
    private static readonly FieldSet _request = new("a request", ["method", "path", "host", "headers"], []);

    private static readonly Dictionary<string, TestAnswer> _answers = new(StringComparer.Ordinal)
    {
        ["allowed"] = TestAnswer.Allowed,
        ["denied"] = TestAnswer.Denied,
        ["403"] = TestAnswer.Forbidden,
        ["audited"] = TestAnswer.Audited,
    };

    /// <summary>Null, with a problem.</summary>
    public PolicyTest? Read(Node node)
    {
        if (Fields.Of(context, node, _test) is not { } fields)
        {
            return null;
        }

        var from = ReadParty(fields, "from");
        var to = ReadParty(fields, "to");
        var ports = ReadPorts(fields);
        var request = ReadRequest(fields);
        var expected = ReadExpected(fields);
        var by = fields.Value("by") is { } byNode ? context.Text(byNode, "by, the name of a policy") : null;
        if (from is null || to is null || ports is null || expected is not { } answer)
        {
            return null;
        }

        if (!from.IsEndpoint && !to.IsEndpoint)
        {
            context.Error(node, $"neither {from.Name} nor {to.Name} is a container: policy judges only what containers send and receive");
            return null;
        }

        if (Mismatch(from, to, ports) is { } mismatch)
        {
            context.Error(node, mismatch);
            return null;
        }

        CheckRequest(fields, ports, request, answer);
        var portText = fields.Value("port") is { } port ? TextOf(port) : "";
        return new PolicyTest
        {
            Location = context.Location(node),
            Name = fields.Value("name") is { } name && context.Text(name, "name") is { } own ? own
                : string.Join(' ', new[] { from.Name, "→", to.Name, portText, request?.Text ?? "" }.Where(part => part.Length > 0)),
            From = from,
            To = to,
            PortText = portText,
            Ports = ports,
            Request = request,
            Expected = answer,
            By = by,
            ByLocation = by is null ? null : context.Location(fields["by"]!),
        };
    }

    private static string TextOf(Node port) => port.Kind == NodeKind.List ? string.Join(", ", port.Items.Select(item => item.Text)) : port.Text;

    /// <summary>Why there can be no such packets; null: there can.</summary>
    private static string? Mismatch(TestParty from, TestParty to, List<PortSelector> ports)
    {
        if (from.IsIpv6 is { } one && to.IsIpv6 is { } other && one != other)
        {
            return $"{from.Name} and {to.Name} are of two families: no packet goes from one to the other";
        }

        var isIpv6 = from.IsIpv6 ?? to.IsIpv6;
        return isIpv6 is { } known && ports.TrueForAll(port => port.Protocol == (known ? IpProtocol.Icmp : IpProtocol.Icmpv6))
            ? $"that is not the ICMP of {(from.IsIpv6 is null ? to : from).Name}; write {(known ? "icmpv6" : "icmp")}"
            : null;
    }

    private TestParty? ReadParty(Fields fields, string name)
    {
        if (fields[name] is not { } node)
        {
            fields.Missing($"{name} is missing: a workload, labels, an address, or a reserved name such as world");
            return null;
        }

        return parties.Read(node, name);
    }

    private TestAnswer? ReadExpected(Fields fields)
    {
        if (fields["expect"] is not { } node)
        {
            fields.Missing("expect is missing: allowed, denied, 403 or audited");
            return null;
        }

        if (_answers.TryGetValue(node.Text, out var answer))
        {
            return answer;
        }

        var nearest = NearestName.Find(node.Text, _answers.Keys);
        context.Error(node, $"expected allowed, denied, 403 or audited for expect; found {node.Found}{(nearest is null ? "" : $"; did you mean \"{nearest}\"?")}");
        return null;
    }

    /// <summary>Every protocol and port where none is written.</summary>
    private List<PortSelector>? ReadPorts(Fields fields)
    {
        if (fields.Value("port") is not { } node)
        {
            return [.. PortRegions.Protocols.Append(PortRegions.AnyOther).Select(PortSelector.AllOf)];
        }

        var ports = new List<PortSelector>();
        if (node is { Kind: NodeKind.List, Items.Count: 0 })
        {
            context.Error(node, "port is empty; leave it out to mean every protocol and port");
            return null;
        }

        foreach (var item in node.Kind == NodeKind.List ? node.Items : [node])
        {
            if (context.Text(item, "port") is not { } text)
            {
                return null;
            }

            if (ReadPort(text) is not { } port)
            {
                context.Error(item, $"\"{(text.Length > 60 ? text[..60] + "…" : text)}\" is not a port; write for example {PortText.Example}, a range as 8000-8099/tcp, several as [80/tcp, 443/tcp]");
                return null;
            }

            ports.AddRange(port);
        }

        return ports;
    }

    /// <summary>"ping" is the echo request of both families; "1-1023/tcp" is a range.</summary>
    private static PortSelector[]? ReadPort(string text)
    {
        if (text == "ping")
        {
            return [new PortSelector(IpProtocol.Icmp, 8 << 8, 8 << 8), new PortSelector(IpProtocol.Icmpv6, 128 << 8, 128 << 8)];
        }

        if (PortText.TryParse(text, out var protocol, out var port))
        {
            return protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp && !char.IsAsciiDigit(text[0])
                ? [PortSelector.AllOf(protocol)]
                : [new PortSelector(protocol, port, port)];
        }

        var slash = text.Split('/');
        protocol = IpProtocol.Tcp;
        return slash.Length <= 2 && PortRange.TryParse(slash[0], out var range)
            && (slash.Length == 1 || (IpProtocolNames.TryParse(slash[1], out protocol) && protocol is IpProtocol.Tcp or IpProtocol.Udp or IpProtocol.Sctp))
            ? [new PortSelector(protocol, range.First, range.Last)]
            : null;
    }

    /// <summary>"GET /public", or a mapping.</summary>
    private SampleRequest? ReadRequest(Fields fields)
    {
        if (fields.Value("request") is not { } node)
        {
            return null;
        }

        var headers = new List<string>();
        var text = node.Text;
        if (node.Kind != NodeKind.Scalar)
        {
            if (Fields.Of(context, node, _request) is not { } parts)
            {
                return null;
            }

            if (parts.Value("path") is not { } path || context.Text(path, "path") is not { } target)
            {
                parts.Missing("path is missing");
                return null;
            }

            text = $"{(parts.Value("method") is { } method ? method.Text : "GET")} {target}";
            if (parts.Value("host") is { } host && context.Text(host, "host") is { } name)
            {
                headers.Add($"Host: {name}");
            }

            if (parts.Value("headers") is { } list)
            {
                ReadHeaders(list, headers);
            }
        }

        if (text.AsSpan().ContainsAny('\r', '\n') || headers.Exists(header => header.AsSpan().ContainsAny('\r', '\n')))
        {
            context.Error(node, "a request and its headers are one line each");
            return null;
        }

        try
        {
            return SampleRequest.Parse(text, headers);
        }
        catch (FormatException e)
        {
            context.Error(node, text.Contains(' ', StringComparison.Ordinal) ? e.Message : $"expected request, method and path such as GET /public; found {node.Found}");
            return null;
        }
    }

    /// <summary>{X-Token: a}, or ["X-Token: a"]; in a list without quotes YAML makes mappings of them.</summary>
    private void ReadHeaders(Node node, List<string> headers)
    {
        foreach (var item in node.Kind == NodeKind.Mapping ? [node] : context.List(node, "headers"))
        {
            if (item.Kind == NodeKind.Mapping)
            {
                headers.AddRange(item.Fields.Select(field => $"{field.Key.Text}: {(field.Value.IsNull ? "" : field.Value.Text)}"));
            }
            else if (context.Text(item, "a header") is { } header)
            {
                headers.Add(header);
            }
        }
    }

    private void CheckRequest(Fields fields, List<PortSelector> ports, SampleRequest? request, TestAnswer expected)
    {
        if (request is null)
        {
            if (expected == TestAnswer.Forbidden && fields.Value("request") is null)
            {
                context.Error(fields["expect"]!, "403 is the answer to a request: write one, such as request: GET /public");
            }

            return;
        }

        if (fields.Value("port") is not { } port)
        {
            context.Error(fields["request"]!, "a request needs a port, such as port: 80/tcp");
        }
        else if (ports.Exists(selector => selector.Protocol != IpProtocol.Tcp))
        {
            context.Error(port, $"requests are on TCP; found {port.Found}");
        }
    }
}
