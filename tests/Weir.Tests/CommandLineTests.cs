// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Text.Json;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Agent;
using Weir.Cli;
using Xunit;

namespace Weir.Tests;

public sealed class CommandLineTests
{
    public static TheoryData<string> Leaves() => [.. Walk(CommandLine.Build(AgentCommands.All), "weir").Where(pair => pair.Command.Subcommands.Count == 0).Select(pair => pair.Path)];

    [Theory]
    [MemberData(nameof(Leaves))]
    public void EveryCommand_HasHelpWithAnExample_AndTakesOutput(string path)
    {
        RootCommand root = CommandLine.Build(AgentCommands.All);
        var help = new StringWriter();
        TextWriter before = Console.Out;
        Console.SetOut(help);
        try
        {
            Assert.Equal(0, root.Parse([.. path.Split(' ')[1..], "--help"]).Invoke(new InvocationConfiguration { Output = help }));
        }
        finally
        {
            Console.SetOut(before);
        }

        Assert.Contains("Examples:", help.ToString(), StringComparison.Ordinal);
        Assert.Contains("--output", help.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(root.Parse([.. path.Split(' ')[1..], "-o", "json"]).Errors, error => error.Message.Contains("-o", StringComparison.Ordinal));
    }

    [Fact]
    public void CharactersThatTurnOrHideText_ReachNoTerminal() =>
        Assert.Equal("a b c d", TextTable.OneLine("a\u202eb\u2028c\u200bd"));

    [Fact]
    public void LongLabels_AreCut_BetweenCharacters()
    {
        Assert.Equal("role=web", Labels.Cut(["container:role=web"]));
        string cut = Labels.Cut([$"container:a={new string('x', 5000)}"]);
        Assert.Equal(80, cut.Length);
        Assert.EndsWith("x…", cut, StringComparison.Ordinal);
        Assert.Equal($"{new string('x', 78)}…", Labels.Cut([new string('x', 78) + "😀😀"]));
    }

    [Theory]
    [InlineData("conquer")]
    [InlineData("endpoint")]
    [InlineData("endpoint list --no-such-flag")]
    [InlineData("policy apply")]
    [InlineData("policy delete")]
    [InlineData("policy delete a --all")]
    [InlineData("policy explain --from a")]
    [InlineData("monitor --type nonsense")]
    [InlineData("monitor --port 70000")]
    [InlineData("status -o yaml")]
    [InlineData("completion tcsh")]
    public async Task WrongUsage_EndsWith2(string arguments) =>
        Assert.Equal(2, await CommandLine.RunAsync(CommandLine.Build(AgentCommands.All), arguments.Split(' ')));

    [Fact]
    public void Json_HasProtoNames_NumbersAsNumbers_AndEveryField()
    {
        var flow = new Flow
        {
            Time = Timestamp.FromDateTimeOffset(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero)),
            Type = FlowType.Drop,
            DropReason = "policy-denied",
            Source = new FlowEnd { Ip = "10.0.0.2", Port = 80, Labels = { "container:role=web" } },
        };
        using JsonDocument json = JsonDocument.Parse(ProtoJson.Write(flow, indented: false));
        Assert.Equal("drop", json.RootElement.GetProperty("type").GetString());
        Assert.Equal("2026-01-02T03:04:05+00:00", json.RootElement.GetProperty("time").GetString());
        Assert.Equal(80, json.RootElement.GetProperty("source").GetProperty("port").GetInt32());
        Assert.Equal("container:role=web", json.RootElement.GetProperty("source").GetProperty("labels")[0].GetString());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("destination").ValueKind);
        Assert.Equal("", json.RootElement.GetProperty("explanation").GetString());
        using JsonDocument big = JsonDocument.Parse(ProtoJson.Write([new MetricRow { Packets = ulong.MaxValue }], indented: true));
        Assert.Equal(ulong.MaxValue, big.RootElement[0].GetProperty("packets").GetUInt64());
    }

    [Fact]
    public void ControlCharacters_OfALabel_DoNotReachTheTerminal() =>
        Assert.Equal("a [31mb c", TextTable.OneLine("a\u001b[31mb\nc"));

    private static IEnumerable<(string Path, Command Command)> Walk(Command command, string path) =>
        command.Subcommands.SelectMany(sub => Walk(sub, $"{path} {sub.Name}")).Prepend((path, command));
}
