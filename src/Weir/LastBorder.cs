// SPDX-License-Identifier: Apache-2.0

using Weir.Cli;

namespace Weir;

/// <summary>What nobody caught ends the process; it says so in one piece and by its exit code. What is in the kernel stays in force.</summary>
internal static class LastBorder
{
    internal static void Draw()
    {
        AppDomain.CurrentDomain.UnhandledException += (_, failure) => End(failure.ExceptionObject);

        // A task that nobody waits for: it ends alone.
        TaskScheduler.UnobservedTaskException += (_, failure) => Console.Error.WriteLine($"weir: a task failed, please report it: {failure.Exception.InnerException}");
    }

    private static void End(object failure)
    {
        try
        {
            Console.Error.WriteLine($"weir: thread \"{Thread.CurrentThread.Name}\" failed and the process ends; this is a mistake in weir, please report it: {failure}");
        }
        catch (IOException)
        {
            // Nobody can be told: the exit code says it.
        }

        Environment.Exit(ExitCodes.Failed);
    }
}
