// SPDX-License-Identifier: Apache-2.0

namespace Weir.Cli;

/// <summary>What a command ends with.</summary>
internal static class ExitCodes
{
    internal const int Fine = 0;

    /// <summary>It was understood and could not be done.</summary>
    internal const int Failed = 1;

    /// <summary>Wrong usage, or wrong input: nothing was changed.</summary>
    internal const int BadInput = 2;
}
