// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace Weir.Ui;

/// <summary>Commands of the page.</summary>
public static class UiCommands
{
    public static IEnumerable<Command> All => [UiCommand.Build()];
}
