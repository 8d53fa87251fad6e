// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;
using Weir.Agent;
using Weir.Control;
using Weir.Policy;
using Xunit;

namespace Weir.Tests;

public sealed class AgentConfigReaderTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void FlagsWin_OverEnvironment_OverFile_OverDefaults()
    {
        File.WriteAllText(_file, "mtu: 1400\nenforcement: always\ngroup: file\n");
        Dictionary<string, string> environment = new() { ["WEIR_MTU"] = "1300", ["WEIR_GROUP"] = "environment" };
        AgentConfig config = AgentConfigReader.Read(_file, environment.GetValueOrDefault, new Dictionary<string, string> { ["mtu"] = "9000" }, out IReadOnlyList<string> problems);
        Assert.Empty(problems);
        Assert.Equal(9000, config.Control.Mtu);
        Assert.Equal("environment", config.Group);
        Assert.Equal(EnforcementMode.Always, config.Control.Enforcement);
        Assert.Equal(AgentConfig.DefaultStateFolder, config.StateFolder);
    }

    [Fact]
    public void Lists_AreTakenFromTheFile()
    {
        File.WriteAllText(_file, "labels-include: [app, role]\nlabels-exclude:\n  - build-*\n");
        AgentConfig config = Read(out IReadOnlyList<string> problems);
        Assert.Empty(problems);
        Assert.Equal(["app", "role"], config.Control.Labels.Include);
        Assert.Equal(["build-*"], config.Control.Labels.Exclude);
    }

    [Fact]
    public void Cluster_IsSaidInOnePiece_OrSettingBySetting()
    {
        File.WriteAllText(_file, "cluster: {endpoints: [\"https://10.0.0.10:2379\", \"https://10.0.0.20:2379\"], ca: /etc/weir/ca.pem}\nnode: {name: host1, address: \"10.0.0.11,fd00::11\"}\n");
        AgentConfig config = Read(out IReadOnlyList<string> problems);
        Assert.Empty(problems);
        Assert.Equal(["https://10.0.0.10:2379", "https://10.0.0.20:2379"], config.Shared.Endpoints);
        Assert.Equal("/etc/weir/ca.pem", config.Shared.CaFile);
        Assert.Equal(("host1", "10.0.0.11", "fd00::11"), (config.Control.Cluster!.Name, $"{config.Control.Cluster.Address}", $"{config.Control.Cluster.OtherAddress}"));

        File.WriteAllText(_file, "cluster-endpoints: http://10.0.0.10:2379\n");
        Read(out problems);
        Assert.Contains("node-address", Assert.Single(problems), StringComparison.Ordinal);
        File.WriteAllText(_file, "mtu: 1500\n");
        Assert.Null(Read(out problems).Control.Cluster);
    }

    [Theory]
    [InlineData("cluster: {endpoints: \"10.0.0.10\"}", "is no endpoint")]
    [InlineData("cluster: {endpoint: x}", ":1:11: cluster-endpoint: unknown setting")]
    [InlineData("node: {address: 127.0.0.1}", "127.0.0.1")]
    [InlineData("node: {address: \"10.0.0.1,10.0.0.2\"}", "one of IPv4 and one of IPv6")]
    [InlineData("node: {name: a b}", "letters, digits")]
    public void ClusterThatIsWrong_IsSaidWithItsPlace(string text, string expected)
    {
        File.WriteAllText(_file, text);
        Read(out IReadOnlyList<string> problems);
        Assert.Contains(problems, problem => problem.Contains(expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("group: weir", null)]
    [InlineData("published-ports: closed", DoorMode.Closed)]
    [InlineData("published-ports: open", DoorMode.Open)]
    public void PublishedPorts_AreADecision_OrNone(string text, DoorMode? expected)
    {
        File.WriteAllText(_file, text);
        Assert.Equal(expected, Read(out IReadOnlyList<string> problems).Control.PublishedPorts);
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData("mtuu: 1500", ":1:1: mtuu: unknown setting")]
    [InlineData("group: weir\nmtu: 12", ":2:1: mtu: \"12\" must be a number from 1280")]
    [InlineData("enforcement: sometimes", "must be one of default, always, never")]
    [InlineData("enforcement: 1", "must be one of")]
    [InlineData("published-ports: ajar", "must be one of closed, open")]
    [InlineData("ipv4-range: fd00::/8", "must be an IPv4 prefix")]
    [InlineData("masquerade: maybe", "must be false or true")]
    [InlineData("socket: relative.sock", "must be a path from the root")]
    [InlineData("mtu: {a: b}", "must be a value")]
    [InlineData("[1, 2]", "must be settings")]
    [InlineData("mtu: [", ":")]
    public void WrongFile_IsToldWithItsPlace(string text, string expected)
    {
        File.WriteAllText(_file, text);
        Read(out IReadOnlyList<string> problems);
        string problem = Assert.Single(problems);
        Assert.StartsWith(_file, problem, StringComparison.Ordinal);
        Assert.Contains(expected, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingFile_AndEmptyFile()
    {
        AgentConfigReader.Read("/nowhere.yaml", _ => null, new Dictionary<string, string>(), out IReadOnlyList<string> problems);
        Assert.Contains("/nowhere.yaml", Assert.Single(problems), StringComparison.Ordinal);
        File.WriteAllText(_file, "");
        Read(out problems);
        Assert.Empty(problems);
    }

    [Fact]
    public void ShippedFile_TellsTheDefaults()
    {
        string root = AppContext.BaseDirectory[..AppContext.BaseDirectory.IndexOf("/tests/", StringComparison.Ordinal)];
        string shipped = File.ReadAllText(Path.Combine(root, "deploy/agent.yaml"));
        string set = Regex.Replace(shipped, "(?m)^#(?=[a-z])", "");
        Assert.Equal(AgentSetting.All.Count(setting => Regex.IsMatch(set, $"(?m)^{setting.Name}:")), Regex.Count(set, "(?m)^[a-z0-9-]+:"));
        Assert.InRange(Regex.Count(set, "(?m)^[a-z0-9-]+:"), 20, AgentSetting.All.Count);
        foreach (string text in new[] { shipped, set })
        {
            File.WriteAllText(_file, text);
            AgentConfig config = Read(out IReadOnlyList<string> problems);
            Assert.Empty(problems);
            Assert.Equal(new AgentConfig(), config);
        }

        // As it is, it sets nothing: an older version takes it, too.
        Assert.DoesNotMatch("(?m)^[^#\n]", shipped);
    }

    private AgentConfig Read(out IReadOnlyList<string> problems) => AgentConfigReader.Read(_file, _ => null, new Dictionary<string, string>(), out problems);
}
