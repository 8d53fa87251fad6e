// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>Rows under headings, columns as wide as their widest cell. Never wrapped or cut: lines go
/// through grep and awk.</summary>
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

    /// <summary>Names and labels are anybody's: no control character of theirs reaches a terminal.</summary>
    internal static string OneLine(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c)) : text;

    private static string Join(string[] cells, int[] widths) =>
        string.Join(Gap, cells.Select((cell, column) => column == cells.Length - 1 ? cell : cell.PadRight(widths[column])));
}
