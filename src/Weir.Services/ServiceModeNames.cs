// SPDX-License-Identifier: Apache-2.0
namespace Weir.Services;

/// <summary>Names of modes as people write them.</summary>
public static class ServiceModeNames
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = ["snat", "dsr", "dsr-l2"];

    /// <summary>"snat", "dsr" or "dsr-l2".</summary>
    public static string Name(this ServiceMode mode) => mode switch
    {
        ServiceMode.Dsr => "dsr",
        ServiceMode.DsrL2 => "dsr-l2",
        _ => "snat",
    };

    /// <summary>Reads a name in any case.</summary>
    public static bool TryParse(string text, out ServiceMode mode)
    {
        ArgumentNullException.ThrowIfNull(text);
        ServiceMode? found = text.ToLowerInvariant() switch
        {
            "snat" => ServiceMode.Snat,
            "dsr" => ServiceMode.Dsr,
            "dsr-l2" => ServiceMode.DsrL2,
            _ => null,
        };
        mode = found ?? default;
        return found is not null;
    }
}
