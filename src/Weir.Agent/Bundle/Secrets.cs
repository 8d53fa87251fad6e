// SPDX-License-Identifier: Apache-2.0

using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Weir.Agent.Bundle;

/// <summary>Leaves out what nobody else should read: values of headers in policies, passwords and tokens wherever they stand, and names
/// and passwords in addresses.</summary>
/// <remarks>Rather too much than too little. Weir's own settings hold no secrets, but files with them.</remarks>
internal static partial class Secrets
{
    internal const string LeftOut = "(left out)";

    /// <summary>A text of lines: YAML, a log, a list.</summary>
    internal static string MaskText(string text)
    {
        string masked = Values().Replace(text, "${key}" + LeftOut);
        masked = Named().Replace(masked, "${key}" + LeftOut);
        masked = InAddress().Replace(masked, "://" + LeftOut + "@");
        return MaskHeaderLists(masked);
    }

    /// <summary>JSON; what is none is masked as text.</summary>
    internal static string MaskJson(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            using var buffer = new MemoryStream();
            using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
            {
                Write(json, document.RootElement);
            }

            return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
        }
        catch (JsonException)
        {
            return MaskText(text);
        }
    }

    private static void Write(Utf8JsonWriter json, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                bool isHeader = element.TryGetProperty("name", out _) && element.TryGetProperty("value", out _);
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    json.WritePropertyName(property.Name);
                    if ((isHeader && property.Name == "value") || (SecretName().IsMatch(property.Name) && property.Value.ValueKind == JsonValueKind.String))
                    {
                        json.WriteStringValue(LeftOut);
                    }
                    else if (property.Name == "headers" && property.Value.ValueKind == JsonValueKind.Array)
                    {
                        json.WriteStartArray();
                        foreach (JsonElement header in property.Value.EnumerateArray())
                        {
                            if (header.ValueKind == JsonValueKind.String)
                            {
                                json.WriteStringValue(MaskHeader(header.GetString()!));
                            }
                            else
                            {
                                Write(json, header);
                            }
                        }

                        json.WriteEndArray();
                    }
                    else
                    {
                        Write(json, property.Value);
                    }
                }

                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (JsonElement item in element.EnumerateArray())
                {
                    Write(json, item);
                }

                json.WriteEndArray();
                break;
            case JsonValueKind.String:
                json.WriteStringValue(MaskText(element.GetString()!));
                break;
            default:
                element.WriteTo(json);
                break;
        }
    }

    /// <summary>"headers: [X-Token: abc]" and the same with an entry on each line below.</summary>
    private static string MaskHeaderLists(string text)
    {
        if (!text.Contains("headers", StringComparison.OrdinalIgnoreCase))
        {
            return text;
        }

        var masked = new StringBuilder(text.Length);
        int? below = null; // the indent of "headers:" whose entries follow
        foreach (string line in text.Split('\n'))
        {
            string trimmed = line.TrimStart();
            int indent = line.Length - trimmed.Length;
            if (below is { } at && trimmed.StartsWith('-') && indent >= at)
            {
                masked.Append(line.AsSpan(0, indent)).Append(MaskHeader(trimmed));
            }
            else
            {
                below = trimmed.TrimStart('-', ' ').StartsWith("headers:", StringComparison.Ordinal) && trimmed.TrimEnd().EndsWith(':') ? indent : null;
                masked.Append(InlineList().Replace(line, "headers: [" + LeftOut + "]"));
            }

            masked.Append('\n');
        }

        return masked.ToString(0, masked.Length - 1);
    }

    private static string MaskHeader(string header) =>
        header.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0 ? $"{header[..(colon + 1)]} {LeftOut}" : header;

    // A header rule's value, quoted or not, in a line or in a flow of YAML.
    [GeneratedRegex("""(?<key>\bvalue["']?[ \t]*:[ \t]*)("[^"\n]*"|'[^'\n]*'|[^\s,}\]"'][^,}\]\n]*)""")]
    private static partial Regex Values();

    // Not the file that it is in.
    [GeneratedRegex("""(?<key>\b(authorization|(set-)?cookie|[\w-]*(token|secret|passw(or)?d|api[-_]?key|credential)s?)["']?[ \t]*[:=][ \t]*)("[^"\n]*"|'[^'\n]*'|[^\s,}\]"'][^,}\]"'\n]*)""", RegexOptions.IgnoreCase)]
    private static partial Regex Named();

    [GeneratedRegex("""^(authorization|(set-)?cookie|[\w-]*(token|secret|passw(or)?d|api[-_]?key|credential)s?)$""", RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();

    [GeneratedRegex("""://[^/@\s"']+@""")]
    private static partial Regex InAddress();

    [GeneratedRegex("""headers:[ \t]*\[[^\]]*\]""")]
    private static partial Regex InlineList();
}
