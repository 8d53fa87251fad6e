// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Api;

namespace Weir.Cli;

/// <summary>Which flows, live or recorded.</summary>
internal sealed class FlowOptions
{
    private readonly Option<string[]> _types = new("--type");
    private readonly Option<string[]> _from = Ends("--from", "only flows from this container, endpoint number, address, prefix, label or reserved name");
    private readonly Option<string[]> _to = Ends("--to", "only flows to it");
    private readonly Option<string[]> _related = Ends("--related-to", "only flows from or to it");
    private readonly Option<string[]> _verdicts = new("--verdict") { Description = "allowed, denied, or audited: passed, and rules in audit would have refused it; all if not given" };
    private readonly Option<ushort[]> _ports = new("--port") { Description = "only flows to this port, and their replies" };

    /// <param name="types">That can be asked for.</param>
    internal FlowOptions(string description, params string[] types)
    {
        _types.Description = description;
        _types.AcceptOnlyFromAmong(types);
        _verdicts.AcceptOnlyFromAmong("allowed", "denied", "audited");
    }

    /// <summary>Of whatever type.</summary>
    internal FlowOptions() => _types.Hidden = true;

    internal void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _types, _verdicts, _from, _to, _related, _ports }.Where(option => !option.Hidden))
        {
            command.Options.Add(option);
        }
    }

    internal MonitorRequest Request(ParseResult parsed) => new()
    {
        Types_ = { (parsed.GetValue(_types) ?? []).Select(type => Enum.Parse<FlowType>(type, ignoreCase: true)) },
        Verdicts = { parsed.GetValue(_verdicts) ?? [] },
        From = { parsed.GetValue(_from) ?? [] },
        To = { parsed.GetValue(_to) ?? [] },
        RelatedTo = { parsed.GetValue(_related) ?? [] },
        Ports = { (parsed.GetValue(_ports) ?? []).Select(port => (uint)port) },
    };

    private static Option<string[]> Ends(string name, string description) =>
        new Option<string[]>(name) { Description = description }.Completes(Completion.Ends);
}
