// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Weir.Cli;

/// <summary>Rows under headings, columns as wide as their widest cell. Never wrapped: lines go through grep and
/// awk.</summary>
internal static class TextTable
{
    private const string Gap = "  ";

    internal static void Print(string[] headings, IEnumerable<string[]> rows)
    {
        List<string[]> cells = [.. rows.Select(row => row.Select(OneLine).ToArray())];
        int[] widths = [.. headings.Select((heading, column) =>
            cells.Select(row => row[column].Length).Append(heading.Length).Max())];
        Console.WriteLine(Terminal.Bold(Join(headings, widths)));
        foreach (string[] row in cells)
        {
            Console.WriteLine(Join(row, widths));
        }
    }

    /// <summary>Name and value, one a line.</summary>
    internal static void PrintPairs(IEnumerable<(string Name, string Value)> pairs)
    {
        List<(string Name, string Value)> lines = [.. pairs];
        int width = lines.Max(line => line.Name.Length);
        foreach ((string name, string value) in lines)
        {
            Console.WriteLine($"{Terminal.Bold(name.PadRight(width))}{Gap}{OneLine(value)}");
        }
    }

    /// <summary>Names and labels are anybody's: no character of theirs that ends a line, moves the cursor or turns the
    /// direction of writing reaches a terminal.</summary>
    internal static string OneLine(string text) =>
        text.Any(IsHarmful) ? string.Concat(text.Select(c => IsHarmful(c) ? ' ' : c)) : text;

    private static bool IsHarmful(char c) => char.GetUnicodeCategory(c)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    private static string Join(string[] cells, int[] widths) =>
        string.Join(Gap, cells.Select((cell, column) => column == cells.Length - 1 ? cell : cell.PadRight(widths[column])));
}
