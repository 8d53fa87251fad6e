// SPDX-License-Identifier: Apache-2.0

using Weir.Agent.Doctor;
using Weir.Control;
using Weir.Datapath;
using Xunit;

namespace Weir.Tests;

/// <summary>What "weir doctor" makes of what it is told.</summary>
public sealed class DiagnosisTests
{
    private static readonly Symptoms _healthy = new()
    {
        Kernel = [new("tc programs", null)],
        Status = """{"health": "ok", "docker": "connected", "conntrack_entries": 3, "conntrack_capacity": 100, "events_lost": 0, "warnings": [], "incidents": [], "open_to_world": []}""",
        Policies = """[{"name": "web", "file": "/p.yaml", "problems": []}]""",
        IpRules = "0:\tfrom all lookup local\n9:\tfrom all fwmark 0x10b2 lookup 2004\n",
        BpfDevices = "xdp:\n\ntc:\nweir7(9) tcx/ingress weir_from_ep prog_id 8 link_id 9\n",
        Netfilter = (10, 1000),
    };

    [Fact]
    public void HealthyHost_HasNothingToDo()
    {
        Assert.All(Diagnosis.Of(_healthy), finding => Assert.Equal(Weight.Ok, finding.Weight));
        Assert.Equal(["kernel", "docker", "conntrack", "published", "policy"], Diagnosis.Of(_healthy).Select(finding => finding.Area));
    }

    [Fact]
    public void WhatIsMissing_IsAProblem_AndSaysWhatToDo()
    {
        IReadOnlyList<Finding> findings = Diagnosis.Of(_healthy with { Kernel = [new("tc programs", "EPERM"), new("maps", null)], Status = null });
        Finding[] problems = [.. findings.Where(finding => finding.Weight == Weight.Problem)];
        Assert.Equal(["tc programs: EPERM", "the agent does not answer"], problems.Select(finding => finding.What));
        Assert.All(problems, problem => Assert.NotNull(problem.Remedy));
    }

    [Fact]
    public void Docker_ThatDoesNotAnswer_IsOneProblem()
    {
        Finding found = Assert.Single(Diagnosis.Of(_healthy with { Status = """{"health": "Docker is not connected", "docker": "no such socket", "conntrack_capacity": 1}""" }), finding => finding.Weight >= Weight.Warning);
        Assert.Equal(("docker", Weight.Problem, "no such socket"), (found.Area, found.Weight, found.What));
    }

    [Theory]
    [InlineData(79, "Ok")]
    [InlineData(80, "Warning")]
    public void Conntrack_IsPressedFromFourFifthsOn(int used, string weight)
    {
        Assert.Equal(Enum.Parse<Weight>(weight), Find(_healthy with { Status = $$"""{"health": "ok", "docker": "connected", "conntrack_entries": {{used}}, "conntrack_capacity": 100}""" }, "conntrack").Weight);
        Assert.Equal(weight == "Warning", Diagnosis.Of(_healthy with { Netfilter = (used, 100) }).Any(finding => finding.What.Contains("kernel's own", StringComparison.Ordinal)));
    }

    [Fact]
    public void PolicyThatReachesNobody_IsToldWithItsPlace()
    {
        Finding found = Find(_healthy with { Policies = """[{"name": "web", "file": "/p.yaml", "problems": [{"line": 7, "message": "selects no container now"}]}]""" }, "policy");
        Assert.Equal(("web: selects no container now", Weight.Warning), (found.What, found.Weight));
        Assert.Contains("/p.yaml:7", found.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenPort_IsAWarning()
    {
        Finding found = Find(_healthy with { Status = """{"health": "ok", "docker": "connected", "open_to_world": ["8080/tcp (web)"]}""" }, "published");
        Assert.Equal((Weight.Warning, "8080/tcp (web) is open to everybody who reaches this host"), (found.Weight, found.What));
    }

    /// <summary>A rule with a mask takes Weir's marks where those bits are so; one that comes after Weir's own takes none.</summary>
    [Theory]
    [InlineData("5:\tfrom all fwmark 0x2/0xf lookup 51820\n", true)]
    [InlineData("5:\tfrom all fwmark 0x10b2 lookup 51820\n", true)]
    [InlineData("5:\tnot from all fwmark 0xca6c lookup 51820\n", true)]
    [InlineData("32764:\tnot from all fwmark 0xca6c lookup 51820\n", false)]
    [InlineData("5:\tfrom all fwmark 0x80000/0xff0000 lookup main\n", false)]
    public void RoutingRule_ThatTakesWeirsMarks_IsAProblem(string rule, bool takes) =>
        Assert.Equal(takes, Diagnosis.Of(_healthy with { IpRules = _healthy.IpRules + rule }).Any(finding => finding is { Area: "marks", Weight: Weight.Problem }));

    [Fact]
    public void OthersMarks_AndPrograms_AreNotes()
    {
        Assert.Equal(Weight.Note, Find(_healthy with { Iptables = "*mangle\n-A WEIR-X -j MARK --set-xmark 0x1\n-A PREROUTING -j MARK --set-xmark 0x1/0xff\nCOMMIT\n" }, "marks").Weight);
        Assert.DoesNotContain(Diagnosis.Of(_healthy with { Iptables = "-A WEIR-X -j MARK --set-xmark 0x1\n" }), finding => finding.Area == "marks");
        Finding program = Find(_healthy with { BpfDevices = _healthy.BpfDevices + "eth0(2) clsact/ingress cil_from_netdev id 77\n" }, "tc");
        Assert.Contains("cil_from_netdev", program.What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("table inet filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n", true)]
    [InlineData("table inet filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n", false)]
    [InlineData("table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n", false)] // iptables': Weir's own rules are in it
    public void NftablesThatDrops_IsAWarning(string ruleset, bool drops) =>
        Assert.Equal(drops, Diagnosis.Of(_healthy with { Nftables = ruleset }).Any(finding => finding is { Area: "firewall", Weight: Weight.Warning }));

    [Fact]
    public void Ufw_AndTheHostsLimits_AreTold()
    {
        Assert.Equal(Weight.Note, Find(_healthy with { Ufw = "== /etc/ufw/ufw.conf\nENABLED=yes\n" }, "firewall").Weight);
        Finding limit = Find(_healthy with { Limits = [new HostLimit("eth0 carries 1400 bytes", "what is larger is refused", "set mtu: 1400")] }, "host");
        Assert.Equal((Weight.Warning, "set mtu: 1400"), (limit.Weight, limit.Remedy));
    }

    private static Finding Find(Symptoms symptoms, string area) => Diagnosis.Of(symptoms).First(finding => finding.Area == area);
}
