// SPDX-License-Identifier: Apache-2.0
namespace Weir.EndToEnd.Tests.Machine;

/// <summary>How a command ended and what it printed.</summary>
public sealed record CommandResult(string Command, int ExitCode, string Output, string Error)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>Standard output and error, for messages.</summary>
    public string All => Output + Error;

    /// <summary>Throws with everything that is known unless the command succeeded.</summary>
    public CommandResult OrFail() =>
        Succeeded ? this : throw new InvalidOperationException($"{Command}: exit code {ExitCode}\n{Output}{Error}");
}
