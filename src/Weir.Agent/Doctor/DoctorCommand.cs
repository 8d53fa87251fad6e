// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Globalization;
using Weir.Agent.Bundle;
using Weir.Cli;
using Weir.Control.Host;
using Weir.Datapath;
using Weir.Linux;

namespace Weir.Agent.Doctor;

/// <summary>"weir doctor": what is wrong on this host, what comes of it, and what to do.</summary>
internal static class DoctorCommand
{
    internal static Command Build()
    {
        var command = new Command("doctor", "Find what is wrong or in the way on this host, and what to do: kernel, Docker, firewalls, marks, full tables, policies that reach nobody, open ports (as root). Ends with 1 if Weir does not work.");
        command.SetAction(parsed =>
        {
            if (!Environment.IsPrivilegedProcess)
            {
                Console.Error.WriteLine("weir doctor: looking at kernel and firewalls needs root: run 'sudo weir doctor'");
                return ExitCodes.Failed;
            }

            IReadOnlyList<Finding> findings = Diagnosis.Of(Look(parsed.GetValue(GlobalOptions.Socket)));
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ToJson(findings));
            }
            else
            {
                Print(findings);
            }

            return findings.Any(finding => finding.Weight == Weight.Problem) ? ExitCodes.Failed : ExitCodes.Fine;
        });
        return command.WithExample("sudo weir doctor", "sudo weir doctor -o json");
    }

    private static Symptoms Look(string? socket)
    {
        AgentConfig config = AgentConfigReader.Read(null, Environment.GetEnvironmentVariable, new Dictionary<string, string>(), out _);
        var reader = new BundleReader(socket);
        return new()
        {
            Kernel = DatapathCheck.Run(config.Datapath),
            Limits = HostLimits.Find(config.Control),
            Status = Ask("status", "-o", "json"),
            Policies = Ask("policy", "get", "-o", "json"),
            IpRules = Run("ip", "rule").Text + Run("ip", "-6", "rule").Text,
            Iptables = Run("iptables-save").Text + Run("ip6tables-save").Text,
            Nftables = Run("nft", "list", "ruleset").Text,
            BpfDevices = Run("bpftool", "net", "show") is { Problem: null } shown ? shown.Text : null,
            Ufw = reader.Read(new("ufw.txt", "", [], ["/etc/ufw/ufw.conf"])).Text,
            Netfilter = Count("net/netfilter/nf_conntrack_count") is { } used && Count("net/netfilter/nf_conntrack_max") is { } most ? (used, most) : null,
        };

        BundleText Run(params string[] said) => reader.Read(new("said.txt", "", said));

        string? Ask(params string[] question) => reader.Read(new("said.json", "", ["weir", .. question])) is { Problem: null } answer ? answer.Text : null;
    }

    private static long? Count(string name) =>
        Sysctl.Exists(name) && long.TryParse(Sysctl.Read(name), CultureInfo.InvariantCulture, out long number) ? number : null;

    private static void Print(IReadOnlyList<Finding> findings)
    {
        foreach (Finding finding in findings.OrderByDescending(finding => finding.Weight))
        {
            Console.WriteLine($"{Name(finding.Weight),-8} {finding.Area}: {finding.What}");
            if (finding.Consequence is not null)
            {
                Console.WriteLine($"         so       {finding.Consequence}");
            }

            if (finding.Remedy is not null)
            {
                Console.WriteLine($"         do       {finding.Remedy}");
            }
        }
    }

    private static string Name(Weight weight) => weight switch
    {
        Weight.Problem => "problem",
        Weight.Warning => "warning",
        Weight.Note => "note",
        _ => "ok",
    };

    private static string ToJson(IReadOnlyList<Finding> findings) => JsonText.Write(json =>
    {
        json.WriteStartArray();
        foreach (Finding finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("area", finding.Area);
            json.WriteString("weight", Name(finding.Weight));
            json.WriteString("what", finding.What);
            json.WriteString("consequence", finding.Consequence);
            json.WriteString("remedy", finding.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });
}
