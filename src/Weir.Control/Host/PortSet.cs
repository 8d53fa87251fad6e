// SPDX-License-Identifier: Apache-2.0

using System.Collections;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>Ports as the kernel writes sets of them: "8080,9148-9150"; empty: none.</summary>
internal sealed class PortSet
{
    private const int Ports = 65536;
    private readonly BitArray _ports = new(Ports);

    internal static PortSet Parse(string text)
    {
        var set = new PortSet();
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string range = part.Contains('-', StringComparison.Ordinal) ? part : $"{part}-{part}";
            set.Add(PortRange.TryParse(range, out PortRange ports) ? ports : throw new FormatException($"\"{part}\" is no port and no range of ports"));
        }

        return set;
    }

    internal bool ContainsAll(PortRange ports) => Enumerable.Range(ports.First, ports.Count).All(port => _ports[port]);

    internal void Add(PortRange ports)
    {
        for (int port = ports.First; port <= ports.Last; port++)
        {
            _ports[port] = true;
        }
    }

    internal void Remove(PortRange ports, PortSet except)
    {
        for (int port = ports.First; port <= ports.Last; port++)
        {
            _ports[port] &= except._ports[port];
        }
    }

    public override string ToString() => string.Join(',', Runs());

    private IEnumerable<string> Runs()
    {
        for (int port = 0; port < Ports; port++)
        {
            if (!_ports[port])
            {
                continue;
            }

            int first = port;
            while (port + 1 < Ports && _ports[port + 1])
            {
                port++;
            }

            yield return first == port ? $"{first}" : $"{first}-{port}";
        }
    }
}
