// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Cli;

namespace Weir.Agent;

/// <summary>The agent's settings as options of a command: of the agent itself, and of what must find what it made.</summary>
internal sealed class AgentFlags
{
    private readonly Option<string?> _file = new("--config") { Description = $"settings as YAML; {AgentConfig.DefaultFile} if that is there" };
    private readonly Dictionary<AgentSetting, Option<string?>> _flags = [];

    /// <param name="wanted">Which of the settings the command has as options; file and environment tell of all.</param>
    internal AgentFlags(Command command, Func<AgentSetting, bool> wanted)
    {
        command.Options.Add(_file);
        foreach (AgentSetting setting in AgentSetting.All.Where(wanted))
        {
            if (setting.Name == "socket")
            {
                _flags[setting] = GlobalOptions.Socket; // every command has it
                continue;
            }

            _flags[setting] = new Option<string?>("--" + setting.Name)
            {
                Description = $"{setting.Meaning} [${setting.Variable}; {(setting.Default.Length > 0 ? setting.Default : "none")}]",
            };
            command.Options.Add(_flags[setting]);
        }
    }

    /// <summary>Where the settings stand.</summary>
    internal string FileOf(ParseResult parsed) => parsed.GetValue(_file) ?? AgentConfig.DefaultFile;

    /// <summary>File, environment and options together; the problems are told on standard error.</summary>
    /// <param name="who">The command, for messages.</param>
    /// <returns>Null: with one of its problems the configuration has no meaning.</returns>
    internal AgentConfig? Read(ParseResult parsed, string who)
    {
        Dictionary<string, string> given = _flags
            .Where(flag => parsed.GetResult(flag.Value) is { Implicit: false })
            .ToDictionary(flag => flag.Key.Name, flag => parsed.GetValue(flag.Value) ?? "");
        AgentConfig config = AgentConfigReader.Read(parsed.GetValue(_file), Environment.GetEnvironmentVariable, given, out IReadOnlyList<string> problems);
        foreach (string problem in problems)
        {
            Console.Error.WriteLine($"{who}: {problem}");
        }

        return problems.Count > 0 ? null : config;
    }
}
