// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>What a command ends with.</summary>
public static class ExitCodes
{
    /// <summary>It was done.</summary>
    public const int Fine = 0;

    /// <summary>It was understood and could not be done.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage, or wrong input: nothing was changed.</summary>
    public const int BadInput = 2;
}
