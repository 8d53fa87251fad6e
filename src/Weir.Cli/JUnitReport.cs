// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Xml;
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
    internal static string Write(IReadOnlyList<PolicyTestResult> results)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture);
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, OmitXmlDeclaration = true }))
        {
            xml.WriteStartElement("testsuites");
            WriteCounts(xml, results);
            foreach (IGrouping<string, PolicyTestResult> file in results.GroupBy(result => result.Test.Location.File))
            {
                xml.WriteStartElement("testsuite");
                xml.WriteAttributeString("name", Clean(file.Key));
                WriteCounts(xml, [.. file]);
                foreach (PolicyTestResult result in file)
                {
                    Write(xml, result);
                }

                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        return $"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}\n";
    }

    private static void WriteCounts(XmlWriter xml, IReadOnlyList<PolicyTestResult> results)
    {
        xml.WriteAttributeString("tests", $"{results.Count}");
        xml.WriteAttributeString("failures", $"{results.Count(result => !result.Passed)}");
        xml.WriteAttributeString("errors", "0");
        xml.WriteAttributeString("skipped", "0");
    }

    private static void Write(XmlWriter xml, PolicyTestResult result)
    {
        xml.WriteStartElement("testcase");
        xml.WriteAttributeString("classname", Clean(result.Test.Location.File));
        xml.WriteAttributeString("name", Clean(result.Test.Name));
        xml.WriteAttributeString("file", Clean(result.Test.Location.File));
        xml.WriteAttributeString("line", $"{result.Test.Location.Line}");
        if (!result.Passed)
        {
            xml.WriteStartElement("failure");
            xml.WriteAttributeString("message", Clean($"expected {PolicyTestCommand.Expected(result)}, got {PolicyTestCommand.Got(result)}"));
            xml.WriteAttributeString("type", "expectation");
            xml.WriteString(Clean(string.Join('\n', PolicyTestCommand.Lines(result).Prepend(result.Test.Location.FileAndLine))));
            xml.WriteEndElement();
        }

        xml.WriteEndElement();
    }

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
