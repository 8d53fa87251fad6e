// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.RegularExpressions;
using Weir.Net;

namespace Weir.Control.Publishing;

/// <summary>Sources and ports as people write them in commands and in the label "weir.publish".</summary>
/// <remarks>
/// <code>
/// label  = entry *( "," entry )
/// entry  = [ port [ "/" ( "tcp" / "udp" ) ] ":" ] source
/// source = "world" / IPv4 address or prefix / "[" IPv6 address or prefix "]"
/// </code>
/// A port is the host's. An entry without a port is for every port that the container publishes, one without a
/// protocol for both.
/// </remarks>
internal static partial class PublishText
{
    internal const string Label = Workload.PublishLabelKey;
    internal const string World = "world";
    private const int MostEntries = 64;

    internal static IReadOnlyList<IpPrefix> Everybody { get; } = [new(IPAddress.Any, 0), new(IPAddress.IPv6Any, 0)];

    /// <summary>"world" for what is everybody of a family.</summary>
    internal static string NameOf(IpPrefix source) => source.Length == 0 ? World : source.ToString();

    /// <summary>Reads a label, all of it or nothing.</summary>
    internal static bool TryParseLabel(string text, out IReadOnlyList<PublishGrant> grants, out string error)
    {
        grants = [];
        string[] entries = [.. text.Split(',').Select(entry => entry.Trim(' '))];
        if (text.Length > WorkloadLabel.Longest || entries.Length > MostEntries)
        {
            error = $"it is longer than {WorkloadLabel.Longest} characters or {MostEntries} entries";
            return false;
        }

        List<PublishGrant> read = [];
        foreach (string entry in entries)
        {
            if (!TryParseEntry(entry, out PublishGrant? grant, out error))
            {
                return false;
            }

            read.Add(grant);
        }

        grants = read;
        error = "";
        return true;
    }

    /// <summary>Reads an address or a prefix, IPv6 with or without brackets, or "world".</summary>
    internal static bool TryParseSource(string text, out IReadOnlyList<IpPrefix> source, out string error)
    {
        error = "";
        if (text == World)
        {
            source = Everybody;
            return true;
        }

        string plain = text.StartsWith('[') && text.IndexOf(']', StringComparison.Ordinal) is var end && end > 0 ? text[1..end] + text[(end + 1)..] : text;
        if (!IpPrefix.TryParse(plain, out IpPrefix? prefix) || prefix.Address.IsIPv4MappedToIPv6)
        {
            source = [];
            error = $"\"{text}\" is no source: write world, an address, or a prefix such as 198.51.100.0/24";
            return false;
        }

        source = [prefix.Masked];
        return true;
    }

    private static bool TryParseEntry(string entry, [NotNullWhen(true)] out PublishGrant? grant, out string error)
    {
        grant = null;
        Match match = Entry().Match(entry);
        if (!match.Success)
        {
            error = $"\"{entry}\" is no entry: write world, 8080:world, 8080:10.0.0.0/8, 53/udp:world or 8080:[2001:db8::]/32";
            return false;
        }

        ushort port = 0;
        if (match.Groups["port"].Success && (!ushort.TryParse(match.Groups["port"].Value, out port) || port == 0))
        {
            error = $"\"{entry}\": a port is 1 to 65535";
            return false;
        }

        if (!TryParseSource(match.Groups["source"].Value, out IReadOnlyList<IpPrefix> source, out error))
        {
            return false;
        }

        grant = new PublishGrant(
            port == 0 ? null : port,
            match.Groups["protocol"].Value switch { "tcp" => IpProtocol.Tcp, "udp" => IpProtocol.Udp, _ => null },
            source);
        return true;
    }

    [GeneratedRegex(@"^((?<port>[0-9]{1,5})(/(?<protocol>tcp|udp))?:)?(?<source>world|[0-9./]+|\[[0-9a-fA-F:./]+\](/[0-9]{1,3})?)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Entry();
}
