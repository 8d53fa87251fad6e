// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Parsing;

namespace Weir.Cli;

/// <summary>What is wrong with arguments, in words of the command's own help.</summary>
internal static class UsageErrors
{
    /// <summary>Lines for standard error.</summary>
    internal static IEnumerable<string> Describe(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        string[] messages = [.. Messages(parsed).Distinct()];

        // Of a command that is not there, "a command is required" says nothing.
        string[] unmatched = [.. messages.Where(message => parsed.UnmatchedTokens.Take(1).Any(message.Contains))];
        foreach (string message in unmatched.Length > 0 ? unmatched : messages)
        {
            yield return $"weir: {message}";
        }

        IReadOnlyList<string> meant = parsed.UnmatchedTokens.Count == 0 ? [] : Suggestions.For(parsed.UnmatchedTokens, command, parsed.RootCommandResult.Command);
        if (meant.Count > 0)
        {
            yield return $"did you mean {string.Join(" or ", meant.Select(text => $"'{text}'"))}?";
        }

        yield return $"try: {command.FullName()} --help";
    }

    private static IEnumerable<string> Messages(ParseResult parsed)
    {
        Argument[] missing = [.. parsed.CommandResult.Command.Arguments.Where(argument =>
            argument.Arity.MinimumNumberOfValues > 0 && parsed.GetResult(argument) is not { Tokens.Count: > 0 })];
        foreach (Argument argument in missing)
        {
            yield return $"<{argument.Name}> is missing: {argument.Description}";
        }

        foreach (ParseError error in parsed.Errors)
        {
            if (missing.Length > 0 && error.SymbolResult is CommandResult or ArgumentResult { Tokens.Count: 0 } && !parsed.UnmatchedTokens.Any(error.Message.Contains))
            {
                continue; // that it is missing, without its name
            }

            yield return error.SymbolResult switch
            {
                ArgumentResult { Parent: CommandResult } argument when IsChoice(error.Message) => OneOf($"<{argument.Argument.Name}>", argument.Tokens, argument.Argument.Description),
                OptionResult option => OfOption(option.Option, option.Tokens, error.Message),
                ArgumentResult { Parent: OptionResult option } => OfOption(option.Option, option.Tokens, error.Message),
                _ => error.Message,
            };
        }
    }

    private static string OfOption(Option option, IReadOnlyList<Token> tokens, string message)
    {
        if (tokens.Count == 0)
        {
            return option.Required && !message.Contains("argument missing", StringComparison.Ordinal)
                ? $"{option.Name} is missing: {option.Description}"
                : $"{option.Name} has no value: {option.Description}";
        }

        if (IsChoice(message))
        {
            return OneOf(option.Name, tokens, option.Description);
        }

        // The library names a type of .NET's.
        return message.StartsWith("Cannot parse", StringComparison.Ordinal)
            ? $"{option.Name} \"{string.Join(' ', tokens.Select(token => token.Value))}\" is {(IsNumber(option.ValueType) ? "no number, or none that is meant here" : "not understood")}: {option.Description}"
            : message;
    }

    /// <summary>The library says so in several lines.</summary>
    private static bool IsChoice(string message) => message.Contains("Must be one of", StringComparison.Ordinal);

    private static string OneOf(string name, IReadOnlyList<Token> tokens, string? meaning) =>
        $"{name} \"{string.Join(' ', tokens.Select(token => token.Value))}\" is not one of its words: {meaning}";

    private static bool IsNumber(Type type)
    {
        Type single = type.GetElementType() ?? type;
        return single == typeof(int) || single == typeof(ushort);
    }
}
