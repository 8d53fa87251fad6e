// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Weir.Kernel.Tests;

/// <summary>The text of a random policy, as Cilium's JSON rule array.</summary>
internal sealed class RandomPolicy
{
    private static readonly string[] _labels = ["role=web", "role=api", "role=db", "app=blog", "env=test", "env=live"];
    private static readonly string[] _entities = ["all", "world", "cluster", "host", "world-ipv4", "world-ipv6", "none", "init"];
    private static readonly string[] _cidrs = ["203.0.113.0/24", "203.0.113.128/25", "198.51.100.0/24", "0.0.0.0/0", "::/0", "2001:db8::/32"];
    private static readonly string[] _protocols = ["TCP", "UDP", "SCTP", "ANY"];
    private static readonly int[] _ports = [0, 1, 79, 80, 81, 443, 1024, 8080];

    private readonly Random _random;
    private readonly StringBuilder _text = new();

    public RandomPolicy(Random random)
    {
        _random = random;
        List(1 + random.Next(4), Rule);
    }

    public override string ToString() => _text.ToString();

    private void List(int count, Action item)
    {
        _text.Append('[');
        for (int i = 0; i < count; i++)
        {
            _text.Append(i == 0 ? "" : ", ");
            item();
        }

        _text.Append(']');
    }

    private string Pick(string[] from) => from[_random.Next(from.Length)];

    private void Rule()
    {
        _text.Append("{\"endpointSelector\": ");
        Selector();
        string[] sections = ["ingress", "egress", "ingressDeny", "egressDeny"];
        bool any = false;
        foreach (string section in sections)
        {
            if (_random.Next(section.EndsWith("Deny", StringComparison.Ordinal) ? 4 : 2) == 0 || (!any && section == "egressDeny"))
            {
                any = true;
                _text.Append($", \"{section}\": ");
                List(1 + _random.Next(2), () => Entry(section.StartsWith("ingress", StringComparison.Ordinal) ? "from" : "to", section.EndsWith("Deny", StringComparison.Ordinal)));
            }
        }

        if (_random.Next(4) == 0)
        {
            _text.Append($", \"enableDefaultDeny\": {{\"ingress\": {Bool()}, \"egress\": {Bool()}}}");
        }

        if (_random.Next(4) == 0)
        {
            _text.Append(", \"mode\": \"audit\"");
        }

        _text.Append('}');
    }

    private string Bool() => _random.Next(2) == 0 ? "true" : "false";

    private void Selector()
    {
        switch (_random.Next(5))
        {
            case 0:
                _text.Append("{}");
                break;
            case 1:
                string op = _random.Next(2) == 0 ? "Exists" : "DoesNotExist";
                _text.Append($"{{\"matchExpressions\": [{{\"key\": \"{(_random.Next(2) == 0 ? "role" : "env")}\", \"operator\": \"{op}\"}}]}}");
                break;
            case 2:
                string within = _random.Next(2) == 0 ? "In" : "NotIn";
                _text.Append($"{{\"matchExpressions\": [{{\"key\": \"role\", \"operator\": \"{within}\", \"values\": [\"web\", \"api\"]}}]}}");
                break;
            default:
                string[] label = Pick(_labels).Split('=');
                _text.Append($"{{\"matchLabels\": {{\"{label[0]}\": \"{label[1]}\"}}}}");
                break;
        }
    }

    private void Entry(string side, bool isDeny)
    {
        _text.Append('{');
        bool peer = true;
        switch (_random.Next(6))
        {
            case 0 or 1:
                _text.Append($"\"{side}Endpoints\": ");
                List(1 + _random.Next(2), Selector);
                break;
            case 2:
                _text.Append($"\"{side}Entities\": [\"{Pick(_entities)}\"]");
                break;
            case 3:
                _text.Append($"\"{side}CIDR\": [\"{Pick(_cidrs)}\"]");
                break;
            case 4:
                _text.Append($"\"{side}CIDRSet\": [{{\"cidr\": \"203.0.113.0/24\", \"except\": [\"203.0.113.200/32\"]}}]");
                break;
            default:
                peer = false;
                break;
        }

        string comma = peer ? ", " : "";
        switch (_random.Next(4))
        {
            case 0 or 1:
                bool http = !isDeny && _random.Next(3) == 0;
                _text.Append($"{comma}\"toPorts\": [{{\"ports\": ");
                List(1 + _random.Next(2), () => Port(http));
                _text.Append(http ? $", \"rules\": {{\"http\": [{{\"path\": \"/{_random.Next(3)}\"}}]}}}}]" : "}]");
                break;
            case 2 when _random.Next(2) == 0:
                _text.Append($"{comma}\"icmps\": [{{\"fields\": [{{\"family\": \"IPv4\", \"type\": 8}}, {{\"family\": \"IPv6\", \"type\": 128}}]}}]");
                break;
        }

        _text.Append('}');
    }

    /// <param name="http">Http rules hold for ports of TCP alone.</param>
    private void Port(bool http)
    {
        int port = _ports[http ? _random.Next(1, _ports.Length) : _random.Next(_ports.Length)];
        _text.Append($"{{\"port\": \"{port}\"");
        if (port > 0 && _random.Next(3) == 0)
        {
            _text.Append($", \"endPort\": {Math.Min(65535, port + _random.Next(2000))}");
        }

        if (http || _random.Next(4) != 0)
        {
            _text.Append($", \"protocol\": \"{(http ? "TCP" : Pick(_protocols))}\"");
        }

        _text.Append('}');
    }
}
