// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Weir.Net;
using Weir.Policy;
using Weir.Services;

namespace Weir.Control.State;

/// <summary>Keeps a value as its text.</summary>
internal abstract class TextConverter<T>(Func<string, T> parse, Func<T, string> format) : JsonConverter<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return parse(reader.GetString() ?? "");
        }
        catch (FormatException e)
        {
            throw new JsonException(e.Message, e);
        }
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(format(value));
}

internal sealed class AddressConverter() : TextConverter<IPAddress>(IPAddress.Parse, address => address.ToString());

internal sealed class PrefixConverter() : TextConverter<IpPrefix>(IpPrefix.Parse, prefix => prefix.ToString());

internal sealed class LabelSetConverter() : TextConverter<LabelSet>(LabelSet.ParseCanonical, labels => labels.Canonical);

internal sealed class IdentityConverter() : TextConverter<Identity>(text => new Identity(uint.Parse(text)), identity => identity.Value.ToString());

internal sealed class FrontendConverter() : TextConverter<Frontend>(Frontend.Parse, frontend => frontend.ToString());

internal sealed class BackendAddressConverter() : TextConverter<BackendAddress>(BackendAddress.Parse, backend => backend.ToString());

internal sealed class BackendSpecConverter() : TextConverter<BackendSpec>(BackendSpec.Parse, backend => backend.ToString());

internal sealed class HealthCheckConverter() : TextConverter<HealthCheck>(HealthCheck.Parse, check => check.ToString());
