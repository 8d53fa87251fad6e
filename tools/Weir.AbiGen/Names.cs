// SPDX-License-Identifier: Apache-2.0

using Weir.Bpf.Btf;

namespace Weir.AbiGen;

/// <summary>The same words in C and in C#.</summary>
internal static class Names
{
    internal static string Pascal(string name) => string.Concat(
        name.Split('_', StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..].ToLowerInvariant()));

    internal static string Camel(string name)
    {
        string pascal = Pascal(name);
        return char.ToLowerInvariant(pascal[0]) + pascal[1..];
    }

    internal static string Kebab(string name) => name.ToLowerInvariant().Replace('_', '-');

    /// <summary>An enum's value in C#: DROP_REASON_ARP is Arp.</summary>
    internal static string Value(BtfType type, string value) => Pascal(Short(type, value));

    /// <summary>An enum's value without the enum's name, or without that name's last word.</summary>
    internal static string Short(BtfType type, string value)
    {
        string prefix = type.Name.ToUpperInvariant() + "_";
        if (!value.StartsWith(prefix, StringComparison.Ordinal))
        {
            prefix = prefix[..(prefix.TrimEnd('_').LastIndexOf('_') + 1)];
        }

        return value.StartsWith(prefix, StringComparison.Ordinal) ? value[prefix.Length..] : value;
    }
}
