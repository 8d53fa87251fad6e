// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Weir.Services.Reading;

namespace Weir.Services;

/// <summary>A backend as an operator names it. Weight 0: it keeps the flows it has and gets no new ones.</summary>
public sealed record BackendSpec(BackendAddress Address, int Weight = 1)
{
    public const int MostWeight = 100;

    private const string Example = "10.11.0.5:8080, 10.11.0.6:8080/w=2 or [2001:db8::5]:8080";

    /// <summary>Reads "10.11.0.5:8080" or "10.11.0.6:8080/w=2".</summary>
    /// <exception cref="FormatException">The text is no backend; the message says why.</exception>
    public static BackendSpec Parse(string text) =>
        TryParse(text, out var backend, out var error) ? backend : throw new FormatException(error);

    /// <summary>As <see cref="Parse"/>, without an exception.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out BackendSpec? backend, out string error)
    {
        ArgumentNullException.ThrowIfNull(text);
        backend = null;
        error = "";
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!AddressAndPort.TryRead(slash < 0 ? text : text[..slash], out var address, out var port, out var fault))
        {
            error = $"{Quoted.Of(text)}: {fault}; write for example {Example}";
            return false;
        }

        var weight = 1;
        if (slash >= 0 && !TryParseWeight(text[(slash + 1)..], out weight, out fault))
        {
            error = $"{Quoted.Of(text)}: {fault}; write for example {Example}";
            return false;
        }

        backend = new BackendSpec(new BackendAddress(address, port), weight);
        return true;
    }

    /// <summary>"10.11.0.5:8080", "10.11.0.6:8080/w=2".</summary>
    public override string ToString() => Weight == 1 ? Address.ToString() : $"{Address}/w={Weight}";

    private static bool TryParseWeight(string text, out int weight, out string fault)
    {
        weight = 0;
        fault = "";
        if (text is "tcp" or "udp")
        {
            fault = "a backend has its frontend's protocol, it takes none of its own";
        }
        else if (!text.StartsWith("w=", StringComparison.Ordinal))
        {
            fault = $"after '/' stands the weight as w=2, not {Quoted.Of(text)}";
        }
        else if (!int.TryParse(text.AsSpan(2), NumberStyles.None, null, out weight) || weight > MostWeight)
        {
            fault = $"the weight is a number from 0 to {MostWeight}, not {Quoted.Of(text[2..])}";
        }

        return fault.Length == 0;
    }
}
