// SPDX-License-Identifier: Apache-2.0

using Weir.Cli;

return await CommandLine.RunAsync(CommandLine.Build(), args);
