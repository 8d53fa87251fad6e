// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Weir.Net;

namespace Weir.Policy.Reading;

/// <summary>Reads ports and ICMP types.</summary>
internal sealed class PortReader(ReadContext context)
{
    private const int LongestName = 15;

    private static readonly FieldSet _toPorts = new(
        "a toPorts entry", ["ports", "rules"], ["terminatingTLS", "originatingTLS", "serverNames", "listener"]);

    private static readonly FieldSet _port = new("a port", ["port", "endPort", "protocol"], []);
    private static readonly FieldSet _rules = new("rules of a toPorts entry", ["http"], ["dns", "kafka", "l7", "l7proto"]);
    private static readonly FieldSet _icmp = new("an icmps entry", ["fields"], []);
    private static readonly FieldSet _icmpField = new("an ICMP field", ["family", "type"], []);
    private static readonly IpProtocol[] _withPorts = [IpProtocol.Tcp, IpProtocol.Udp, IpProtocol.Sctp];

    private readonly HttpReader _http = new(context);

    /// <summary>Reads toPorts of a Cilium rule; deny entries take no rules inside. Never empty.</summary>
    public List<PortGroup> ReadToPorts(Node node, bool isDeny)
    {
        var plain = new List<PortSelector>();
        var groups = new List<PortGroup>();
        foreach (var item in NotEmpty(node, "toPorts"))
        {
            if (Fields.Of(context, item, _toPorts) is not { } fields)
            {
                continue;
            }

            var http = fields.Value("rules") is { } rules ? ReadRules(rules, isDeny) : null;
            var selectors = http is null ? plain : [];

            if (fields["ports"] is not { } ports)
            {
                fields.Missing("a toPorts entry needs ports");
                continue;
            }

            foreach (var port in NotEmpty(ports, "ports"))
            {
                ReadPort(port, selectors, needsTcp: http is not null);
            }

            if (http is not null)
            {
                groups.Add(new PortGroup(selectors, http));
            }
        }

        if (plain.Count > 0 || groups.Count == 0)
        {
            groups.Insert(0, new PortGroup(plain, null));
        }

        return groups;
    }

    /// <summary>Reads icmps of a Cilium rule.</summary>
    public List<PortSelector> ReadIcmps(Node node)
    {
        var selectors = new List<PortSelector>();
        foreach (var item in NotEmpty(node, "icmps"))
        {
            if (Fields.Of(context, item, _icmp) is not { } fields)
            {
                continue;
            }

            if (fields["fields"] is not { } icmpFields)
            {
                fields.Missing("an icmps entry needs fields");
                continue;
            }

            foreach (var field in NotEmpty(icmpFields, "fields"))
            {
                ReadIcmp(field, selectors);
            }
        }

        return selectors;
    }

    /// <summary>Reads a port of a Kubernetes policy: without protocol TCP, without port every port.</summary>
    public void ReadKubernetesPort(Node node, List<PortSelector> selectors)
    {
        if (Fields.Of(context, node, _port) is not { } fields)
        {
            return;
        }

        var protocol = fields.Value("protocol") is { } protocolNode ? ReadProtocol(protocolNode, any: false) : [IpProtocol.Tcp];
        if (fields.Value("port") is { } port)
        {
            // Cilium's "0" is every port, and no end; Kubernetes knows no such number.
            if (IsZero(port) && !context.IsKept)
            {
                context.Error(port, $"expected port, a number from 1 to 65535 or a name; found {port.Found}; leave port out to mean every port");
            }
            else if (fields.Value("endPort") is { } end && IsZero(end) && !context.IsKept)
            {
                context.Error(end, $"expected endPort, a number from port to 65535; found {end.Found}");
            }
            else
            {
                AddPort(port, fields.Value("endPort"), protocol, selectors);
            }

            return;
        }

        if (fields.Value("endPort") is { } endPort)
        {
            context.Error(endPort, "endPort needs port");
        }

        selectors.AddRange(protocol.Select(PortSelector.AllOf));
    }

    private static bool IsZero(Node node) => node.Text.Length > 0 && node.Text.All(c => c == '0');

    private List<HttpEntry>? ReadRules(Node node, bool isDeny)
    {
        if (node.Kind == NodeKind.Mapping && node.Fields.Count == 0)
        {
            return null;
        }

        if (isDeny)
        {
            context.Error(node, "a deny entry takes no rules of a higher layer; remove \"rules\"");
            return null;
        }

        return Fields.Of(context, node, _rules)?["http"] is { } http ? _http.Read(http) : null;
    }

    private void ReadPort(Node node, List<PortSelector> selectors, bool needsTcp)
    {
        if (Fields.Of(context, node, _port) is not { } fields)
        {
            return;
        }

        var protocols = fields.Value("protocol") is { } protocol ? ReadProtocol(protocol, any: true) : _withPorts;
        if (needsTcp && protocols.Length > 0 && protocols is not [IpProtocol.Tcp])
        {
            context.Error(fields["protocol"] ?? node, "http rules hold for TCP alone: write protocol: TCP");
        }

        if (fields["port"] is { } port)
        {
            if (needsTcp && port.Text == "0")
            {
                context.Error(port, "http rules need a port: 0 would send all of TCP through the proxy");
            }

            AddPort(port, fields.Value("endPort"), protocols, selectors);
        }
        else
        {
            fields.Missing("port is missing; \"0\" means every port");
        }
    }

    private void AddPort(Node port, Node? endPort, IpProtocol[] protocols, List<PortSelector> selectors)
    {
        if (context.Text(port, "port") is not { } text)
        {
            return;
        }

        if (!text.All(char.IsAsciiDigit))
        {
            AddNamedPort(port, endPort, protocols, selectors);
            return;
        }

        if (context.Integer(port, "port", 0, ushort.MaxValue) is not { } first)
        {
            return;
        }

        var last = first;
        if (endPort is not null && context.Integer(endPort, "endPort", 0, ushort.MaxValue) is { } written and not 0)
        {
            if (first == 0 || written < first)
            {
                context.Error(endPort, first == 0 ? "port 0 means every port and takes no endPort" : $"endPort {written} is below port {first}");
                return;
            }

            last = written;
        }

        foreach (var protocol in protocols)
        {
            selectors.Add(first == 0 ? PortSelector.AllOf(protocol) : new PortSelector(protocol, (ushort)first, (ushort)last));
        }
    }

    private void AddNamedPort(Node port, Node? endPort, IpProtocol[] protocols, List<PortSelector> selectors)
    {
        if (endPort is not null)
        {
            context.Error(endPort, "endPort needs a port in numbers, not by name");
        }

        if (port.Text.Length > LongestName || !port.Text.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') || !port.Text.Any(char.IsAsciiLetter))
        {
            context.Error(port, $"expected port, a number from 0 to 65535 or a name of at most {LongestName} letters, digits and '-'; found {port.Found}");
            return;
        }

        var name = port.Text.ToLowerInvariant();
        if (protocols.Length == _withPorts.Length)
        {
            selectors.Add(new PortSelector(null, 0, 0, name));
        }
        else
        {
            selectors.AddRange(protocols.Select(protocol => new PortSelector(protocol, 0, 0, name)));
        }
    }

    private IpProtocol[] ReadProtocol(Node node, bool any)
    {
        IpProtocol[]? found = node.Text.ToUpperInvariant() switch
        {
            "TCP" => [IpProtocol.Tcp],
            "UDP" => [IpProtocol.Udp],
            "SCTP" => [IpProtocol.Sctp],
            "ANY" when any => _withPorts,
            _ => null,
        };
        if (found is null)
        {
            var hint = node.Text.StartsWith("icmp", StringComparison.OrdinalIgnoreCase) && any ? "; ICMP is written under icmps" : "";
            context.Error(node, $"expected protocol TCP, UDP{(any ? ", SCTP or ANY" : " or SCTP")}; found {node.Found}{hint}");
        }

        return found ?? [];
    }

    private void ReadIcmp(Node node, List<PortSelector> selectors)
    {
        if (Fields.Of(context, node, _icmpField) is not { } fields)
        {
            return;
        }

        var family = fields.Value("family") is { } familyNode ? familyNode.Text : "IPv4";
        if (family is not ("IPv4" or "IPv6"))
        {
            context.Error(fields["family"]!, $"expected family IPv4 or IPv6; found {fields["family"]!.Found}");
            return;
        }

        if (fields["type"] is not { } typeNode)
        {
            fields.Missing("type is missing");
            return;
        }

        var names = family == "IPv4" ? IcmpTypes.Ipv4 : IcmpTypes.Ipv6;
        if (!byte.TryParse(typeNode.Text, NumberStyles.None, null, out var type) && !names.TryGetValue(typeNode.Text, out type))
        {
            var nearest = NearestName.Find(typeNode.Text, names.Keys);
            var hint = nearest is null ? "" : $"; did you mean \"{nearest}\"?";
            context.Error(typeNode, $"expected type, a number from 0 to 255 or a name such as EchoRequest; found {typeNode.Found}{hint}");
            return;
        }

        selectors.Add(new PortSelector(
            family == "IPv4" ? IpProtocol.Icmp : IpProtocol.Icmpv6, (ushort)(type << 8), (ushort)((type << 8) | 0xff)));
    }

    /// <summary>An empty list could be read as "every port" or as "no port": nobody should have to guess.</summary>
    private IReadOnlyList<Node> NotEmpty(Node node, string name)
    {
        if (node is { Kind: NodeKind.List, Items.Count: 0 })
        {
            context.Error(node, $"{name} is empty; leave toPorts and icmps out to mean every port");
        }

        return context.List(node, name);
    }
}
