// SPDX-License-Identifier: Apache-2.0

using Weir;
using Weir.Agent;
using Weir.Cli;
using Weir.Ui;

LastBorder.Draw();
return await CommandLine.RunAsync(CommandLine.Build([.. AgentCommands.All, .. UiCommands.All]), args);
