// SPDX-License-Identifier: Apache-2.0
namespace Weir.Control.Tests.Model;

/// <summary>The agent ends here, as by SIGKILL: nobody catches it.</summary>
internal sealed class AgentEnds : Exception;
