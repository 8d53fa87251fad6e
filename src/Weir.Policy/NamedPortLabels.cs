// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>Names of ports that a container declares: label "weir.port.http=80" or "weir.port.dns=53/udp".</summary>
public static class NamedPortLabels
{
    private const string Prefix = "weir.port.";

    /// <summary>Null: it declares none. What is no port is passed over: labels are anybody's. Names are in any case, as in rules.</summary>
    public static Dictionary<string, NamedPort>? Read(LabelSet labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        Dictionary<string, NamedPort>? ports = null;
        foreach (var label in labels.Where(label => label.Key.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            var parts = label.Value.Split('/');
            var protocol = IpProtocol.Tcp;
            if (parts.Length <= 2 && ushort.TryParse(parts[0], out var port) && port > 0
                && (parts.Length == 1 || IpProtocolNames.TryParse(parts[1], out protocol)))
            {
                (ports ??= [])[label.Key[Prefix.Length..].ToLowerInvariant()] = new NamedPort(port, protocol);
            }
        }

        return ports;
    }
}
