// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Google.Protobuf;
using Grpc.Core;

namespace Weir.Cli;

/// <summary>Commands that ask the agent one thing and print the answer.</summary>
internal static class Ask
{
    /// <summary>Prints one message: by <paramref name="print"/> for people, else as a JSON object.</summary>
    /// <param name="ofNodes">Whether other nodes can be asked: then one after another is printed, or an array.</param>
    internal static void One<T>(this Command command, Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<T>> ask, Action<T> print, bool ofNodes = false)
        where T : class, IMessage => command.One(ask, (answer, _) => print(answer), ofNodes);

    /// <summary>Likewise, where it depends on the options how it is printed.</summary>
    internal static void One<T>(this Command command, Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<T>> ask, Action<T, ParseResult> print, bool ofNodes = false)
        where T : class, IMessage
    {
        NodeChoice? nodes = ofNodes ? NodeChoice.AddTo(command) : null;
        command.SetAction((parsed, _) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            if (nodes?.IsGiven(parsed) == true)
            {
                return await nodes.EachAsync(agents, parsed, async agent => await ask(agent, parsed), answers => PrintEach(answers, print, parsed));
            }

            T answer = await ask(agents.Own, parsed);
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(answer, indented: true));
            }
            else
            {
                print(answer, parsed);
            }

            return ExitCodes.Fine;
        }));
    }

    /// <summary>Prints a list: a table for people, else a JSON array.</summary>
    /// <param name="note">What to say after the table, or null.</param>
    internal static void Many<TResponse, TRow>(
        this Command command,
        Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<TResponse>> ask,
        Func<TResponse, IEnumerable<TRow>> rows,
        string[] headings,
        Func<TRow, string[]> cells,
        Func<TResponse, string?>? note = null,
        bool ofNodes = false)
        where TResponse : class
        where TRow : class, IMessage =>
        command.Many(ask, rows, headings, (row, _) => cells(row), note, ofNodes);

    /// <summary>The same, with cells that may differ when the table is a wide one.</summary>
    /// <param name="ofNodes">Whether other nodes can be asked: then the first column says which.</param>
    internal static void Many<TResponse, TRow>(
        this Command command,
        Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<TResponse>> ask,
        Func<TResponse, IEnumerable<TRow>> rows,
        string[] headings,
        Func<TRow, bool, string[]> cells,
        Func<TResponse, string?>? note = null,
        bool ofNodes = false)
        where TResponse : class
        where TRow : class, IMessage
    {
        NodeChoice? nodes = ofNodes ? NodeChoice.AddTo(command) : null;
        command.SetAction((parsed, _) => AgentClient.AskNodesAsync(parsed, async agents =>
        {
            bool isWide = GlobalOptions.IsWide(parsed);
            if (nodes?.IsGiven(parsed) == true)
            {
                return await nodes.EachAsync(agents, parsed, async agent => await ask(agent, parsed), answers =>
                {
                    (string Node, TRow Row)[] all = [.. answers.SelectMany(answer => rows(answer.Answer).Select(row => (answer.Node, row)))];
                    if (GlobalOptions.IsJson(parsed))
                    {
                        Console.WriteLine(ProtoJson.Write(all.Select(row => (row.Node, (IMessage)row.Row)), indented: true));
                        return;
                    }

                    TextTable.Print(["NODE", .. headings], all.Select(row => (string[])[row.Node, .. cells(row.Row, isWide)]));
                    foreach ((string node, string text) in answers.Select(answer => (answer.Node, note?.Invoke(answer.Answer))).Where(said => said.Item2 is not null).Select(said => (said.Node, said.Item2!)))
                    {
                        Console.WriteLine($"{node}: {text}");
                    }
                });
            }

            TResponse answer = await ask(agents.Own, parsed);
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(rows(answer), indented: true));
            }
            else
            {
                TextTable.Print(headings, rows(answer).Select(row => cells(row, isWide)));
                if (note?.Invoke(answer) is { } text)
                {
                    Console.WriteLine(text);
                }
            }

            return ExitCodes.Fine;
        }));
    }

    /// <summary>What several nodes say, each under its name.</summary>
    internal static void PrintEach<T>(IReadOnlyList<(string Node, T Answer)> answers, Action<T, ParseResult> print, ParseResult parsed)
        where T : class, IMessage
    {
        if (GlobalOptions.IsJson(parsed))
        {
            Console.WriteLine(ProtoJson.Write(answers.Select(answer => (answer.Node, (IMessage)answer.Answer)), indented: true));
            return;
        }

        for (int i = 0; i < answers.Count; i++)
        {
            Console.WriteLine($"{(i > 0 ? "\n" : "")}node {answers[i].Node}:");
            print(answers[i].Answer, parsed);
        }
    }
}
