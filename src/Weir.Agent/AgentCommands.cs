// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Weir.Agent.Bundle;
using Weir.Agent.Doctor;

namespace Weir.Agent;

/// <summary>Commands that do not ask the agent: those that are it, and those for when it does not run.</summary>
public static class AgentCommands
{
    public static IEnumerable<Command> All => [AgentCommand.Build(), ProxyCommand.Build(), CheckCommand.Build(), CleanupCommand.Build(), DoctorCommand.Build(), BundleCommand.Build()];
}
