// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Control.Host;

/// <summary>The host's own filter: containers' packets are forwarded (BPF has judged them), also by way of the
/// proxy, and those that leave the host get its address. Chains of ours, each named from one place.</summary>
internal static class Iptables
{
    /// <summary>Seconds to wait for whoever holds the kernel's lock on tables: changes of everything wait meanwhile, and the
    /// watchdog comes again.</summary>
    private const string Patience = "5";

    private const string Prefix = "WEIR-";
    private const string Forward = Prefix + "FORWARD";
    private const string Input = Prefix + "INPUT";
    private const string Output = Prefix + "OUTPUT";
    private const string Postrouting = Prefix + "POSTROUTING";

    private static readonly Lazy<bool> _isLegacy = new(() => !Start(Tool(false), ["-V"], null).Output.Contains("nf_tables", StringComparison.Ordinal));

    /// <summary>Where the host's own chains lead to ours.</summary>
    private static readonly (string Table, string Chain, string Target)[] _jumps =
    [
        ("filter", "FORWARD", Forward), ("filter", "INPUT", Input), ("filter", "OUTPUT", Output), ("nat", "POSTROUTING", Postrouting),
    ];

    /// <summary>Whether this host has the tool of a family.</summary>
    internal static bool IsInstalled(bool ipv6) => HostLimits.HasTool(Tool(ipv6));

    /// <summary>Puts rules for these ranges of a family in place of those that are there.</summary>
    /// <param name="untranslated">Towards these they keep their addresses.</param>
    /// <exception cref="ControlException">iptables refuses.</exception>
    internal static void Apply(bool ipv6, IReadOnlyCollection<IpPrefix> masqueraded, IEnumerable<IpPrefix> untranslated)
    {
        if (ipv6 && (masqueraded.Count == 0 || !Socket.OSSupportsIPv6) && !HasChain(ipv6))
        {
            return;
        }

        string tool = Tool(ipv6);
        Run(tool + "-restore", ["--noflush", "-w", Patience], Rules(masqueraded, untranslated));
        foreach ((string table, string chain, string target) in _jumps)
        {
            EnsureJump(tool, table, chain, target);
        }
    }

    /// <summary>Whether the rules are the kernel's older ones, of which nftables knows nothing.</summary>
    internal static bool IsLegacy => IsInstalled(ipv6: false) && _isLegacy.Value;

    /// <summary>The rules of ours that are there now, as text that is the same as long as they are.</summary>
    internal static string Picture()
    {
        var picture = new StringBuilder();
        foreach (string tool in new[] { Tool(false), Tool(true) })
        {
            string table = "";
            foreach (string line in Start(tool + "-save", [], null).Output.Split('\n'))
            {
                if (line.StartsWith('*'))
                {
                    table = line;
                }
                else if (line.Contains(Prefix, StringComparison.Ordinal))
                {
                    // ":WEIR-FORWARD - [0:0]" counts packets.
                    picture.Append(tool).Append(table).Append(line.Split('[')[0]).Append('\n');
                }
            }
        }

        return picture.ToString();
    }

    /// <summary>Takes everything away that <see cref="Apply"/> made.</summary>
    internal static void Remove()
    {
        foreach (string tool in new[] { Tool(false), Tool(true) })
        {
            foreach ((string table, string chain, string target) in _jumps)
            {
                while (Try(tool, "-w", Patience, "-t", table, "-D", chain, "-j", target))
                {
                    // As often as it is there.
                }

                Try(tool, "-w", Patience, "-t", table, "-F", target);
                Try(tool, "-w", Patience, "-t", table, "-X", target);
            }
        }
    }

    private static string Rules(IReadOnlyCollection<IpPrefix> masqueraded, IEnumerable<IpPrefix> untranslated)
    {
        var text = new StringBuilder();
        // Naming a chain empties it; the whole table changes at once.
        text.Append("*filter\n");
        foreach (string chain in new[] { Forward, Input, Output })
        {
            text.Append(':').Append(chain).Append(" - [0:0]\n");
        }

        text.Append("-A ").Append(Forward).Append(" -i weir+ -j ACCEPT\n")
            .Append("-A ").Append(Forward).Append(" -o weir+ -j ACCEPT\n")
            .Append(CultureInfo.InvariantCulture, $"-A {Input} -i lo -m mark --mark 0x{(uint)ProxyMark.MarkToProxy:x} -j ACCEPT\n")
            .Append(CultureInfo.InvariantCulture, $"-A {Output} -m mark --mark 0x{(uint)ProxyMark.MarkFromProxy:x} -j ACCEPT\n")
            .Append("COMMIT\n*nat\n:").Append(Postrouting).Append(" - [0:0]\n");
        foreach (IpPrefix prefix in masqueraded.Count > 0 ? untranslated : [])
        {
            text.Append("-A ").Append(Postrouting).Append(" -d ").Append(prefix).Append(" -j RETURN\n");
        }

        foreach (IpPrefix prefix in masqueraded)
        {
            text.Append("-A ").Append(Postrouting).Append(" -s ").Append(prefix).Append(" ! -o weir+ -j MASQUERADE\n");
        }

        return text.Append("COMMIT\n").ToString();
    }

    private static bool HasChain(bool ipv6) => Try(Tool(ipv6), "-w", Patience, "-t", "filter", "-S", Forward);

    private static void EnsureJump(string tool, string table, string chain, string target)
    {
        if (!Try(tool, "-w", Patience, "-t", table, "-C", chain, "-j", target))
        {
            Run(tool, ["-w", Patience, "-t", table, "-I", chain, "1", "-j", target], null);
        }
    }

    private static string Tool(bool ipv6) => ipv6 ? "ip6tables" : "iptables";

    private static void Run(string tool, IReadOnlyList<string> arguments, string? input)
    {
        (int code, _, string error) = Start(tool, arguments, input);
        if (code != 0)
        {
            throw new ControlException($"{tool} {string.Join(' ', arguments)}: {error.Trim()}");
        }
    }

    private static bool Try(string tool, params IReadOnlyList<string> arguments) => Start(tool, arguments, null).Code == 0;

    private static (int Code, string Output, string Error) Start(string tool, IReadOnlyList<string> arguments, string? input)
    {
        const int NotThere = 127;
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(tool, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            process.StandardInput.Write(input ?? "");
            process.StandardInput.Close();
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output.GetAwaiter().GetResult(), error);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return (NotThere, "", $"{e.Message}; install iptables");
        }
    }
}
