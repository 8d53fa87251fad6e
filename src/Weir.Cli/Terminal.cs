// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>Colour where a person looks, plain text everywhere else (no-color.org).</summary>
internal static class Terminal
{
    private static readonly bool _colour = !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") != "dumb";

    internal static string Bold(string text) => Wrap(text, "1");

    internal static string Red(string text) => Wrap(text, "31");

    internal static string Green(string text) => Wrap(text, "32");

    internal static string Yellow(string text) => Wrap(text, "33");

    internal static string Dim(string text) => Wrap(text, "2");

    private static string Wrap(string text, string code) => _colour ? $"\e[{code}m{text}\e[0m" : text;
}
