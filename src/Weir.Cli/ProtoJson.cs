// SPDX-License-Identifier: Apache-2.0

using System.Collections;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Weir.Cli;

/// <summary>The API's messages as JSON for scripts: names as in the .proto file, numbers as numbers
/// (protobuf's own mapping makes strings of 64 bit ones), every field always there.</summary>
internal static class ProtoJson
{
    internal static string Write(IMessage message, bool indented) => JsonText.Write(json => WriteMessage(json, message), indented);

    internal static string Write(IEnumerable<IMessage> messages, bool indented) => JsonText.Write(json => WriteList(json, messages), indented);

    /// <summary>What a node says, with its name first.</summary>
    internal static string Write(string node, IMessage message, bool indented) => JsonText.Write(json => WriteMessage(json, message, node), indented);

    internal static string Write(IEnumerable<(string Node, IMessage Message)> messages, bool indented) => JsonText.Write(
        json =>
        {
            json.WriteStartArray();
            foreach ((string node, IMessage message) in messages)
            {
                WriteMessage(json, message, node);
            }

            json.WriteEndArray();
        },
        indented);

    private static void WriteMessage(Utf8JsonWriter json, IMessage message, string? node = null)
    {
        json.WriteStartObject();
        if (node is not null)
        {
            json.WriteString("node", node);
        }

        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            json.WritePropertyName(field.Name);
            WriteValue(json, field, field.Accessor.GetValue(message));
        }

        json.WriteEndObject();
    }

    private static void WriteList(Utf8JsonWriter json, IEnumerable<IMessage> messages)
    {
        json.WriteStartArray();
        foreach (IMessage message in messages)
        {
            WriteMessage(json, message);
        }

        json.WriteEndArray();
    }

    private static void WriteValue(Utf8JsonWriter json, FieldDescriptor field, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case Timestamp time:
                json.WriteStringValue(time.ToDateTimeOffset());
                break;
            case IMessage message:
                WriteMessage(json, message);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int number when field.FieldType == FieldType.Enum:
                json.WriteStringValue(NameOf(field, number));
                break;
            case System.Enum item:
                json.WriteStringValue(NameOf(field, Convert.ToInt32(item)));
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            case uint number:
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case ulong number:
                json.WriteNumberValue(number);
                break;
            case double number:
                json.WriteNumberValue(number);
                break;
            case IList list:
                json.WriteStartArray();
                foreach (object? item in list)
                {
                    WriteValue(json, field, item);
                }

                json.WriteEndArray();
                break;
            default:
                throw new InvalidOperationException($"field {field.FullName} has a type without a mapping");
        }
    }

    private static string NameOf(FieldDescriptor field, int number) =>
        field.EnumType.FindValueByNumber(number)?.Name.ToLowerInvariant() ?? number.ToString();
}
