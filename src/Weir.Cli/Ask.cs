// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Google.Protobuf;
using Grpc.Core;

namespace Weir.Cli;

/// <summary>Commands that ask the agent one thing and print the answer.</summary>
internal static class Ask
{
    /// <summary>Prints one message: by <paramref name="print"/> for people, else as a JSON object.</summary>
    internal static void One<T>(this Command command, Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<T>> ask, Action<T> print)
        where T : IMessage => command.One(ask, (answer, _) => print(answer));

    /// <summary>Likewise, where it depends on the options how it is printed.</summary>
    internal static void One<T>(this Command command, Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<T>> ask, Action<T, ParseResult> print)
        where T : IMessage =>
        command.SetAction((parsed, _) => AgentClient.AskAsync(parsed, async agent =>
        {
            T answer = await ask(agent, parsed);
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

    /// <summary>Prints a list: a table for people, else a JSON array.</summary>
    /// <param name="note">What to say after the table, or null.</param>
    internal static void Many<TResponse, TRow>(
        this Command command,
        Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<TResponse>> ask,
        Func<TResponse, IEnumerable<TRow>> rows,
        string[] headings,
        Func<TRow, string[]> cells,
        Func<TResponse, string?>? note = null)
        where TRow : class, IMessage =>
        command.Many(ask, rows, headings, (row, _) => cells(row), note);

    /// <summary>The same, with cells that may differ when the table is a wide one.</summary>
    internal static void Many<TResponse, TRow>(
        this Command command,
        Func<Api.Agent.AgentClient, ParseResult, AsyncUnaryCall<TResponse>> ask,
        Func<TResponse, IEnumerable<TRow>> rows,
        string[] headings,
        Func<TRow, bool, string[]> cells,
        Func<TResponse, string?>? note = null)
        where TRow : class, IMessage =>
        command.SetAction((parsed, _) => AgentClient.AskAsync(parsed, async agent =>
        {
            TResponse answer = await ask(agent, parsed);
            if (GlobalOptions.IsJson(parsed))
            {
                Console.WriteLine(ProtoJson.Write(rows(answer), indented: true));
            }
            else
            {
                TextTable.Print(headings, rows(answer).Select(row => cells(row, GlobalOptions.IsWide(parsed))));
                if (note?.Invoke(answer) is { } text)
                {
                    Console.WriteLine(text);
                }
            }

            return ExitCodes.Fine;
        }));
}
