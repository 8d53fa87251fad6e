// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.NetworkInformation;
using System.Text;
using System.Text.Json;
using Weir.Control;
using Weir.Net;

namespace Weir.Docker;

/// <summary>The body of a plugin call. What is missing or wrong is said by field.</summary>
internal readonly struct PluginRequest(JsonElement body)
{
    private const int LongestId = 128;

    /// <exception cref="ControlException">The body is no JSON object.</exception>
    internal static PluginRequest Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            // Through a string: what is no UTF-8 becomes U+FFFD here, instead of an exception wherever it is read.
            using JsonDocument document = JsonDocument.Parse(body.IsEmpty ? "{}" : Encoding.UTF8.GetString(body.Span));
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new PluginRequest(document.RootElement.Clone())
                : throw new ControlException("the request's body must be a JSON object");
        }
        catch (JsonException e)
        {
            throw new ControlException($"the request's body is not JSON: {e.Message}");
        }
    }

    /// <summary>A network's or endpoint's id: it becomes part of file and link names.</summary>
    internal string Id(string field)
    {
        string id = Text(field) is { Length: > 0 } text ? text : throw new ControlException($"field {field} is missing");
        return id.Length <= LongestId && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? id
            : throw new ControlException($"field {field} is not an id: letters, digits, '-', '_' and '.', at most {LongestId}");
    }

    /// <summary>"" if it is not there.</summary>
    internal string Text(string field) => Get(field) switch
    {
        null or { ValueKind: JsonValueKind.Null } => "",
        { ValueKind: JsonValueKind.String } value => Decode(field, () => value.GetString()!),
        _ => throw new ControlException($"field {field} must be a string"),
    };

    internal string Required(string field) =>
        Text(field) is { Length: > 0 } text ? text : throw new ControlException($"field {field} is missing");

    internal bool Flag(string field) => Get(field) is { ValueKind: JsonValueKind.True };

    /// <summary>An object; an empty one if it is not there.</summary>
    internal PluginRequest Object(string field) => Get(field) is { ValueKind: JsonValueKind.Object } value
        ? new PluginRequest(value)
        : Parse("{}"u8.ToArray());

    internal IReadOnlyList<PluginRequest> Objects(string field) => Get(field) is { ValueKind: JsonValueKind.Array } array
        ? [.. array.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.Object).Select(item => new PluginRequest(item))]
        : [];

    /// <summary>A number from 0 to <paramref name="most"/>; 0 if it is not there.</summary>
    internal int Number(string field, int most) => Get(field) switch
    {
        null or { ValueKind: JsonValueKind.Null } => 0,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) && number >= 0 && number <= most => number,
        _ => throw new ControlException($"field {field} must be a number from 0 to {most}"),
    };

    internal IReadOnlyList<string> Fields
    {
        get
        {
            JsonElement members = body;
            return Decode("names", () => members.EnumerateObject().Select(property => property.Name).ToList());
        }
    }

    /// <summary>An address, with or without a prefix length behind it; null if it is not there.</summary>
    internal IPAddress? Address(string field)
    {
        string text = Text(field);
        return text.Length == 0 ? null
            : IpPrefix.TryParse(text, out IpPrefix? prefix) ? prefix.Address
            : throw new ControlException($"field {field}: \"{text}\" is not an address");
    }

    internal IpPrefix Prefix(string field) => IpPrefix.TryParse(Required(field), out IpPrefix? prefix)
        ? prefix
        : throw new ControlException($"field {field}: \"{Text(field)}\" is not an address prefix");

    /// <summary>Six bytes; null if it is not there.</summary>
    internal byte[]? Mac(string field)
    {
        const int MacLength = 6;
        string text = Text(field);
        return text.Length == 0 ? null
            : PhysicalAddress.TryParse(text, out PhysicalAddress? mac) && mac.GetAddressBytes() is { Length: MacLength } bytes ? bytes
            : throw new ControlException($"field {field}: \"{text}\" is not a MAC address");
    }

    /// <summary>An escape can name half a character: "\ud800".</summary>
    private static T Decode<T>(string field, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException e)
        {
            throw new ControlException($"field {field} is not text: {e.Message}");
        }
    }

    private JsonElement? Get(string field) => body.TryGetProperty(field, out JsonElement value) ? value : null;
}
