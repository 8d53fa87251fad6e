// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Security;
using System.Text;
using Weir.Policy.Testing;

namespace Weir.Cli;

/// <summary>Results of tests as CI systems read them.</summary>
internal static class JUnitReport
{
    /// <summary>False: the file cannot be written, which is said.</summary>
    internal static bool TryWrite(string path, IReadOnlyList<PolicyTestResult> results)
    {
        try
        {
            File.WriteAllText(path, Write(results));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Console.Error.WriteLine($"weir: --junit {path}: {e.Message}");
            return false;
        }
    }

    /// <summary>One suite a file.</summary>
    /// <remarks>By hand: an XML library is 400 KB of the executable for five elements.</remarks>
    internal static string Write(IReadOnlyList<PolicyTestResult> results)
    {
        var xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.Append("<testsuites").Append(Counts(results)).Append(">\n");
        foreach (IGrouping<string, PolicyTestResult> file in results.GroupBy(result => result.Test.Location.File))
        {
            xml.Append("  <testsuite").Append(Attribute("name", file.Key)).Append(Counts([.. file])).Append(">\n");
            foreach (PolicyTestResult result in file)
            {
                Write(xml, result);
            }

            xml.Append("  </testsuite>\n");
        }

        return xml.Append("</testsuites>\n").ToString();
    }

    private static string Counts(IReadOnlyList<PolicyTestResult> results) =>
        $" tests=\"{results.Count}\" failures=\"{results.Count(result => !result.Passed)}\" errors=\"0\" skipped=\"0\"";

    private static void Write(StringBuilder xml, PolicyTestResult result)
    {
        xml.Append("    <testcase")
            .Append(Attribute("classname", result.Test.Location.File))
            .Append(Attribute("name", result.Test.Name))
            .Append(Attribute("file", result.Test.Location.File))
            .Append(CultureInfo.InvariantCulture, $" line=\"{result.Test.Location.Line}\"");
        if (result.Passed)
        {
            xml.Append(" />\n");
            return;
        }

        string details = string.Join('\n', PolicyTestCommand.Lines(result).Prepend(result.Test.Location.FileAndLine));
        xml.Append(">\n      <failure")
            .Append(Attribute("message", $"expected {PolicyTestCommand.Expected(result)}, got {PolicyTestCommand.Got(result)}"))
            .Append(Attribute("type", "expectation"))
            .Append('>').Append(Escape(details)).Append("</failure>\n    </testcase>\n");
    }

    /// <summary>A line break would be read as a space if it stood there by itself (XML 1.0, 3.3.3).</summary>
    private static string Attribute(string name, string value) =>
        $" {name}=\"{Escape(value).Replace("\n", "&#10;", StringComparison.Ordinal).Replace("\t", "&#9;", StringComparison.Ordinal)}\"";

    private static string Escape(string text) => SecurityElement.Escape(Clean(text));

    /// <summary>Names are anybody's, and XML 1.0 has no way at all to write some characters.</summary>
    private static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            clean.Append(rune.Value is '\n' or '\t' || rune.Value is >= 0x20 and not 0xfffe and not 0xffff ? rune : Rune.ReplacementChar);
        }

        return clean.ToString();
    }
}
