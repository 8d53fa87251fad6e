// SPDX-License-Identifier: Apache-2.0

using Weir.Cli;
using Weir.Control;
using Weir.Policy.Reading;

namespace Weir.Agent;

/// <summary>Puts the configuration together: file, then environment, then flags; the last one wins.</summary>
internal static class AgentConfigReader
{
    private const int MostBytes = 1024 * 1024;

    /// <param name="file">Null: <see cref="AgentConfig.DefaultFile"/>, if it is there.</param>
    /// <param name="flags">Setting → text, of those that were given.</param>
    /// <param name="problems">Everything that is wrong; with one of them the configuration has no meaning.</param>
    internal static AgentConfig Read(string? file, Func<string, string?> environment, IReadOnlyDictionary<string, string> flags, out IReadOnlyList<string> problems)
    {
        List<string> found = [];
        AgentConfig config = new();
        if (file is not null || File.Exists(AgentConfig.DefaultFile))
        {
            config = ReadFile(file ?? AgentConfig.DefaultFile, config, found);
        }

        foreach (AgentSetting setting in AgentSetting.All)
        {
            if (environment(setting.Variable) is { } text)
            {
                config = Set(config, setting, text, setting.Variable, found);
            }
        }

        foreach (AgentSetting setting in AgentSetting.All)
        {
            if (flags.TryGetValue(setting.Name, out string? text))
            {
                config = Set(config, setting, text, "--" + setting.Name, found);
            }
        }

        if (config.Shared.Endpoints.Count > 0)
        {
            found.AddRange(config.Shared.Problems().Select(problem => $"cluster: {problem}"));
        }

        if (config.Shared.Endpoints.Count > 0 && config.NodeAddresses.Count == 0)
        {
            found.Add("node-address: a host of a cluster needs it: write at which address the others reach this one");
        }

        found.AddRange(config.Metrics.Problems());
        found.AddRange(config.Hubble.Problems());
        problems = found;
        return config.Shared.Endpoints.Count == 0 || config.NodeAddresses.Count == 0 ? config
            : config with { Control = config.Control with { Cluster = new ClusterOptions(config.NodeName, config.NodeAddresses[0], config.NodeAddresses.ElementAtOrDefault(1), ClusterOptions.UsualTimeToLive) { Way = config.NodeWay, MakesNetworks = config.MakesNetworks } } };
    }

    private static AgentConfig ReadFile(string file, AgentConfig config, List<string> problems)
    {
        var context = new ReadContext(file, firstLine: 1);
        List<YamlDocument> documents;
        try
        {
            documents = new YamlReader(context).Read(TextFile.Read(file, MostBytes));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{file}: {e.Message}");
            return config;
        }

        if (context.HasErrors)
        {
            problems.AddRange(context.Problems.Select(problem => $"{problem.Location}: {problem.Message}"));
            return config;
        }

        if (documents.Count == 0)
        {
            return config;
        }

        if (documents[0].Root is not { Kind: NodeKind.Mapping } settings)
        {
            problems.Add($"{file}:1:1: must be settings such as 'mtu: 1500'");
            return config;
        }

        foreach ((string name, Node key, Node value) in Flat("", settings))
        {
            string place = $"{file}:{key.Line}:{key.Column}: {name}";
            AgentSetting? setting = AgentSetting.All.FirstOrDefault(s => s.Name == name);
            string? text = value.Kind switch
            {
                NodeKind.Scalar => value.Text,
                NodeKind.List when value.Items.TrueForAll(item => item.Kind == NodeKind.Scalar) => string.Join(',', value.Items.Select(item => item.Text)),
                _ => null,
            };
            if (setting is null)
            {
                problems.Add($"{place}: unknown setting; known are {string.Join(", ", AgentSetting.All.Select(s => s.Name))}");
            }
            else if (text is null)
            {
                problems.Add($"{place}: must be a value or a list of values");
            }
            else
            {
                config = Set(config, setting, text, place, problems);
            }
        }

        return config;
    }

    /// <summary>"cluster: {endpoints: …}" says the same as "cluster-endpoints: …".</summary>
    private static IEnumerable<(string Name, Node Key, Node Value)> Flat(string before, Node settings)
    {
        foreach ((Node key, Node value) in settings.Fields)
        {
            string name = before + key.Text;
            if (value.Kind == NodeKind.Mapping && AgentSetting.All.Any(setting => setting.Name.StartsWith(name + "-", StringComparison.Ordinal)))
            {
                foreach ((string Name, Node Key, Node Value) one in Flat(name + "-", value))
                {
                    yield return one;
                }
            }
            else
            {
                yield return (name, key, value);
            }
        }
    }

    private static AgentConfig Set(AgentConfig config, AgentSetting setting, string text, string place, List<string> problems)
    {
        try
        {
            return setting.Set(config, text);
        }
        catch (FormatException e)
        {
            problems.Add($"{place}: \"{text}\" {e.Message}");
            return config;
        }
    }
}
