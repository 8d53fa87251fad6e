// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Weir.Control;
using Weir.Datapath;
using Weir.Datapath.Abi;

namespace Weir.Agent.Doctor;

/// <summary>From what is said to what is wrong with it, and what to do. Pure.</summary>
internal static partial class Diagnosis
{
    /// <summary>Of a table that is so full something is lost soon.</summary>
    private const double Pressed = 0.8;

    /// <summary>Where packets to the proxy are routed.</summary>
    private const string OwnTable = "2004";

    private static readonly uint[] _marks = [(uint)ProxyMark.MarkToProxy, (uint)ProxyMark.MarkFromProxy, (uint)ProxyMark.MarkAnswer, (uint)ProxyMark.MarkOverlay];

    internal static IReadOnlyList<Finding> Of(Symptoms symptoms) =>
    [
        .. Kernel(symptoms.Kernel),
        .. symptoms.Limits.Select(limit => new Finding("host", Weight.Warning, limit.What, limit.Consequence, limit.Remedy)),
        .. Agent(symptoms.Status),
        .. Policies(symptoms.Policies),
        .. Marks(symptoms.IpRules, symptoms.Iptables, symptoms.Nftables),
        .. OtherPrograms(symptoms.BpfDevices),
        .. Firewalls(symptoms.Nftables, symptoms.Ufw),
        .. Netfilter(symptoms.Netfilter),
    ];

    private static IEnumerable<Finding> Kernel(IReadOnlyList<DatapathRequirement> requirements)
    {
        DatapathRequirement[] missing = [.. requirements.Where(requirement => requirement.Problem is not null)];
        return missing.Length == 0
            ? [new("kernel", Weight.Ok, $"all {requirements.Count} things that Weir needs of this kernel are there")]
            : missing.Select(requirement => new Finding(
                "kernel", Weight.Problem, $"{requirement.Name}: {requirement.Problem}", "the agent does not start", "take Linux 6.1 or newer with BTF, and run as root of the host"));
    }

    private static IEnumerable<Finding> Agent(string? text)
    {
        if (Parse(text) is not { } status)
        {
            yield return new("agent", Weight.Problem, "the agent does not answer", "no container gets a network of Weir's; those that run keep traffic and policy", "sudo systemctl start weir, or 'sudo weir agent'; what it said: journalctl -u weir");
            yield break;
        }

        string docker = Text(status, "docker"), health = Text(status, "health");
        yield return docker == "connected"
            ? new("docker", Weight.Ok, "Docker answers")
            : new("docker", Weight.Problem, docker, "new containers stay unidentified, under the policy of \"init\"", "sudo systemctl start docker; or set docker-socket in /etc/weir/agent.yaml");
        if (health is not "ok" && docker == "connected")
        {
            yield return new("agent", Weight.Warning, health, null, "weir status says what of it is missing");
        }

        foreach (string warning in Texts(status, "warnings"))
        {
            yield return new("agent", Weight.Warning, warning);
        }

        foreach (JsonElement incident in Elements(status, "incidents"))
        {
            bool degraded = incident.TryGetProperty("degraded", out JsonElement value) && value.ValueKind == JsonValueKind.True;
            yield return new(
                "others", degraded ? Weight.Warning : Weight.Note, $"{Text(incident, "kind")}: {Text(incident, "text")}",
                degraded ? "it is missing, or taken away again and again" : "it was put back", "find out who takes it away: docs/guides/watchdog.md");
        }

        long used = Number(status, "conntrack_entries"), most = Number(status, "conntrack_capacity");
        if (most > 0)
        {
            yield return used < most * Pressed
                ? new("conntrack", Weight.Ok, Invariant($"{used} of {most} flows"))
                : new("conntrack", Weight.Warning, Invariant($"{used} of {most} flows are in use"), "new connections are dropped when it is full", Invariant($"set max-flows: {most * 2} in /etc/weir/agent.yaml"));
        }

        if (Number(status, "events_lost") is var lost and > 0)
        {
            yield return new("agent", Weight.Note, Invariant($"{lost} events were lost"), "flows and monitor have gaps; no packet was treated otherwise", "set record: denied, where it is all");
        }

        string[] open = [.. Texts(status, "open_to_world")];
        foreach (string port in open)
        {
            yield return new("published", Weight.Warning, $"{port} is open to everybody who reaches this host", null, "if that is not meant: 'weir publish list' says what opens it");
        }

        if (open.Length == 0)
        {
            yield return new("published", Weight.Ok, "no published port is open to everybody");
        }
    }

    private static IEnumerable<Finding> Policies(string? text)
    {
        if (Parse(text) is not { ValueKind: JsonValueKind.Array } policies)
        {
            yield break;
        }

        int said = 0;
        foreach (JsonElement policy in policies.EnumerateArray())
        {
            foreach (JsonElement problem in Elements(policy, "problems"))
            {
                said++;
                yield return new("policy", Weight.Warning, $"{Text(policy, "name")}: {Text(problem, "message")}", "what it should allow or deny is not", $"{Text(policy, "file")}:{Number(problem, "line")}: compare with 'weir endpoint list -o wide'");
            }
        }

        if (said == 0)
        {
            yield return new("policy", Weight.Ok, Invariant($"{policies.GetArrayLength()} policies, and each reaches somebody"));
        }
    }

    /// <summary>A rule of routing that takes packets with Weir's marks before its own does, and whoever else gives packets marks.</summary>
    private static IEnumerable<Finding> Marks(string rules, string iptables, string nftables)
    {
        Match[] all = [.. RoutingRule().Matches(rules).Cast<Match>()];
        int own = all.Where(rule => rule.Groups["table"].Value == OwnTable).Select(Preference).DefaultIfEmpty(int.MinValue).Max();
        foreach (Match rule in all.Where(rule => rule.Groups["table"].Value != OwnTable && Preference(rule) < own))
        {
            uint value = Hex(rule.Groups["value"].Value), mask = rule.Groups["mask"].Success ? Hex(rule.Groups["mask"].Value) : uint.MaxValue;
            if (_marks.Any(mark => ((mark & mask) == value) != rule.Groups["not"].Success))
            {
                yield return new("marks", Weight.Problem, $"the routing rule \"{rule.Value.Trim()}\" takes packets that Weir has marked", "requests under HTTP policy do not reach the proxy", "give that rule another mark or a mask that leaves out 0x10b0 to 0x10bf");
            }
        }

        int others = MarkingRule().Count(iptables) + NftMark().Count(nftables);
        if (others > 0)
        {
            yield return new("marks", Weight.Note, Invariant($"{others} rules of others mark packets"), "where they mark packets of containers on weir networks, these may take another route", "iptables-save | grep MARK; nft list ruleset | grep 'mark set'");
        }
    }

    private static IEnumerable<Finding> OtherPrograms(string? devices)
    {
        if (devices is null)
        {
            yield return new("tc", Weight.Note, "other programs at devices were not looked for: there is no bpftool");
            yield break;
        }

        foreach (string line in devices.Split('\n').Select(line => line.Trim()))
        {
            if (DeviceProgram().IsMatch(line) && !line.Contains("weir_", StringComparison.Ordinal))
            {
                yield return new("tc", Weight.Note, $"another's BPF program: {line}", "Weir's come before it; it sees what these let through");
            }
        }
    }

    private static IEnumerable<Finding> Firewalls(string nftables, string ufw)
    {
        if (UfwOn().IsMatch(ufw))
        {
            yield return new("firewall", Weight.Note, "ufw is on", "Weir's rules come before its own: what reaches a published port is said by Weir", "weir publish list");
        }

        string table = "";
        foreach (string line in nftables.Split('\n').Select(line => line.Trim()))
        {
            if (line.StartsWith("table ", StringComparison.Ordinal))
            {
                table = line[..^1].Trim();
            }
            else if (line.Contains("hook forward", StringComparison.Ordinal) && line.Contains("policy drop", StringComparison.Ordinal) && table is not ("table ip filter" or "table ip6 filter"))
            {
                yield return new("firewall", Weight.Warning, $"nftables: {table} drops what it does not name on its way through this host", "what containers send to the world may be dropped there, whatever policy says",
                    "let it accept iifname \"weir*\" and oifname \"weir*\" in that chain");
            }
        }
    }

    private static IEnumerable<Finding> Netfilter((long Used, long Most)? table)
    {
        if (table is (var used, > 0 and var most) && used >= most * Pressed)
        {
            yield return new("conntrack", Weight.Warning, Invariant($"the kernel's own connection tracking has {used} of {most} flows"), "connections to the world are dropped when it is full", Invariant($"sysctl net.netfilter.nf_conntrack_max={most * 2}"));
        }
    }

    private static int Preference(Match rule) => int.Parse(rule.Groups["preference"].Value, CultureInfo.InvariantCulture);

    private static JsonElement? Parse(string? text)
    {
        try
        {
            return string.IsNullOrWhiteSpace(text) ? null : JsonDocument.Parse(text).RootElement;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string Text(JsonElement of, string name) => of.TryGetProperty(name, out JsonElement value) ? value.ToString() : "";

    private static long Number(JsonElement of, string name) => of.TryGetProperty(name, out JsonElement value) && value.TryGetInt64(out long number) ? number : 0;

    private static JsonElement.ArrayEnumerator Elements(JsonElement of, string name) =>
        of.TryGetProperty(name, out JsonElement list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default;

    private static IEnumerable<string> Texts(JsonElement of, string name) => Elements(of, name).Select(element => element.ToString());

    private static uint Hex(string text) => uint.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<preference>\d+):\s+(?<not>not )?from \S+ .*?fwmark (?<value>0x[0-9a-f]+)(/(?<mask>0x[0-9a-f]+))? .*lookup (?<table>\S+)", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex RoutingRule();

    [GeneratedRegex(@"^-A (?!WEIR-).*-j (MARK|CONNMARK) ", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex MarkingRule();

    [GeneratedRegex(@"^\s.*\bmeta mark set ", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex NftMark();

    [GeneratedRegex(@"^\w\S*\(\d+\) ", RegexOptions.CultureInvariant)]
    private static partial Regex DeviceProgram();

    [GeneratedRegex(@"^\s*ENABLED=yes", RegexOptions.Multiline | RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex UfwOn();
}
