// SPDX-License-Identifier: Apache-2.0
using Xunit;
using YamlDotNet.RepresentationModel;

namespace Weir.Structure.Tests;

/// <summary>deploy/linuxkit/weir.yml, by what LinuxKit's own schema lets be in such a file: it refuses any other name.
/// (linuxkit, src/cmd/linuxkit/moby/schema.go)</summary>
public sealed class LinuxKitTests
{
    private static readonly string[] _sections = ["kernel", "init", "onboot", "onshutdown", "services", "files"];
    private static readonly string[] _kernel = ["image", "cmdline", "binary", "tar", "ucode"];
    private static readonly string[] _file = ["path", "directory", "symlink", "contents", "source", "metadata", "optional", "mode", "uid", "gid"];
    private static readonly string[] _mount = ["destination", "type", "source", "options"];
    private static readonly string[] _runtime = ["cgroups", "mounts", "mkdir", "interfaces", "bindNS", "namespace", "noRestart"];

    private static readonly string[] _container =
    [
        "name", "image", "capabilities", "ambient", "mounts", "binds", "tmpfs", "command", "env", "cwd", "net", "pid", "ipc", "uts", "userns", "readonly", "maskedPaths",
        "readonlyPaths", "uid", "gid", "additionalGids", "noNewPrivileges", "hostname", "oomScoreAdj", "rootfsPropagation", "cgroupsPath", "resources", "sysctl", "rlimits",
        "uidMappings", "gidMappings", "annotations", "runtime",
    ];

    private static readonly string[] _lists = ["capabilities", "binds", "command", "env", "maskedPaths", "readonlyPaths", "mkdir", "options"];

    private readonly YamlMappingNode _machine = Read(Path.Combine(ReferenceTests.Root, "deploy/linuxkit/weir.yml"));

    [Fact]
    public void NothingIsThere_ThatLinuxKitDoesNotKnow()
    {
        MustKnow(_machine, _sections);
        MustKnow((YamlMappingNode)_machine["kernel"], _kernel);
        Assert.All((YamlSequenceNode)_machine["init"], image => Assert.Contains(':', ((YamlScalarNode)image).Value!));
        Assert.All((YamlSequenceNode)_machine["files"], file => MustKnow((YamlMappingNode)file, _file));
        foreach (YamlMappingNode container in Containers())
        {
            MustKnow(container, _container);
            Assert.Contains("image", container.Children.Keys.Select(key => key.ToString()));
            if (container.Children.TryGetValue("runtime", out YamlNode? runtime))
            {
                MustKnow((YamlMappingNode)runtime, _runtime);
            }

            if (container.Children.TryGetValue("mounts", out YamlNode? mounts))
            {
                Assert.All((YamlSequenceNode)mounts, mount => MustKnow((YamlMappingNode)mount, _mount));
            }
        }
    }

    /// <summary>The agent may there what its unit lets it.</summary>
    [Fact]
    public void TheAgentMayWhatItsUnitLetsIt_AndStartsBeforeDocker()
    {
        const string Setting = "CapabilityBoundingSet=";
        string line = File.ReadLines(Path.Combine(ReferenceTests.Root, "deploy/weir.service")).Single(line => line.StartsWith(Setting, StringComparison.Ordinal));
        YamlMappingNode weir = Containers().Single(container => container["name"].ToString() == "weir");
        Assert.Equal(line[Setting.Length..].Split(' ').Order(StringComparer.Ordinal), ((YamlSequenceNode)weir["capabilities"]).Select(name => name.ToString()).Order(StringComparer.Ordinal));
        string[] order = [.. ((YamlSequenceNode)_machine["services"]).Select(service => service["name"].ToString())];
        Assert.True(Array.IndexOf(order, "weir") < Array.IndexOf(order, "docker"));
    }

    private static YamlMappingNode Read(string path)
    {
        var yaml = new YamlStream();
        using StreamReader text = File.OpenText(path);
        yaml.Load(text);
        return (YamlMappingNode)yaml.Documents[0].RootNode;
    }

    private IEnumerable<YamlMappingNode> Containers() =>
        ((string[])["onboot", "services"]).SelectMany(section => (YamlSequenceNode)_machine[section]).Cast<YamlMappingNode>();

    private static void MustKnow(YamlMappingNode node, string[] names)
    {
        Assert.All(node.Children.Keys, key => Assert.Contains(key.ToString(), names));
        Assert.All(node.Children.Where(child => _lists.Contains(child.Key.ToString())), child => Assert.IsType<YamlSequenceNode>(child.Value));
    }
}
