// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text;

namespace Weir.Agent.Bundle;

/// <summary>What came of one part of a bundle.</summary>
/// <param name="Text">Masked.</param>
/// <param name="Problem">Why there is nothing, or not all.</param>
internal sealed record BundleText(string Text, string? Problem);

/// <summary>Reads the parts of a bundle. None may take for ever, have any size, or fail the others.</summary>
/// <param name="socket">Where the agent is asked.</param>
internal sealed class BundleReader(string? socket)
{
    /// <summary>Characters of one part: what is more is cut off and said.</summary>
    internal const int Most = 4 * 1024 * 1024;
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(20);

    internal BundleText Read(BundlePart part)
    {
        BundleText read = part.Sources is { } files ? ReadFiles(files) : Run(part.Command);
        return read with { Text = part.File.EndsWith(".json", StringComparison.Ordinal) ? Secrets.MaskJson(read.Text) : Secrets.MaskText(read.Text) };
    }

    private static BundleText ReadFiles(string[] files)
    {
        var text = new StringBuilder();
        List<string> problems = [];
        foreach (string file in files)
        {
            try
            {
                using var reader = new StreamReader(file);
                text.Append("== ").Append(file).Append('\n').Append(ReadMost(reader, out bool isCut)).Append('\n');
                if (isCut)
                {
                    problems.Add($"{file}: only its beginning");
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add(e.Message);
            }
        }

        return new(text.ToString(), problems.Count == 0 ? null : string.Join("; ", problems));
    }

    private BundleText Run(string[] command)
    {
        var start = new ProcessStartInfo(command[0] == "weir" ? Environment.ProcessPath ?? "/proc/self/exe" : command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        if (command[0] == "weir" && socket is not null)
        {
            start.Environment["WEIR_SOCKET"] = socket;
        }

        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            using var watch = new Timer(_ => Stop(process), null, _longest, Timeout.InfiniteTimeSpan);
            Task<string> errors = Task.Run(() => ReadMost(process.StandardError, out _));
            string output = ReadMost(process.StandardOutput, out bool isCut);
            if (isCut)
            {
                Stop(process); // it would wait for ever for somebody to read on
            }

            string said = errors.GetAwaiter().GetResult().Trim();
            process.WaitForExit();
            string? problem = process.ExitCode == 0 ? null : $"{string.Join(' ', command)} ended with {process.ExitCode}: {Secrets.MaskText(said)}";
            return new(said.Length == 0 || problem is not null ? output : $"{output}\n{said}\n", isCut ? $"only its first {Most} characters; {problem}" : problem);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            return new("", $"{command[0]} cannot be run: {e.Message}");
        }
    }

    private static void Stop(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            // It has ended by itself.
        }
    }

    private static string ReadMost(TextReader reader, out bool isCut)
    {
        var text = new StringBuilder();
        char[] buffer = new char[16 * 1024];
        isCut = false;
        while (reader.Read(buffer) is var count and > 0)
        {
            int room = Math.Min(count, Most - text.Length);
            text.Append(buffer, 0, room);
            if (room < count)
            {
                isCut = true;
                break;
            }
        }

        return text.ToString();
    }
}
