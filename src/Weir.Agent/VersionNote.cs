// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Weir.Cli;

namespace Weir.Agent;

/// <summary>Which version runs, and which ran before it: a note in the folder of what is kept.</summary>
/// <param name="Before">Null: this host knows of none.</param>
/// <param name="Changed">When this one was first started after that one.</param>
internal sealed record VersionNote(string Version, string? Before, DateTimeOffset? Changed)
{
    private const string FileName = "version";
    private const int MostBytes = 4096;

    /// <summary>Writes down that a version runs here now.</summary>
    internal static VersionNote Take(string folder, string version, DateTimeOffset now)
    {
        string path = Path.Combine(folder, FileName);
        VersionNote? kept = Read(path);
        if (kept?.Version == version)
        {
            return kept;
        }

        VersionNote note = kept is null ? new VersionNote(version, null, null) : new VersionNote(version, kept.Version, now);
        string beside = path + ".new";
        File.WriteAllLines(beside, note.Before is null ? [note.Version] : [note.Version, note.Before, now.ToString("O", CultureInfo.InvariantCulture)]);
        File.Move(beside, path, overwrite: true);
        return note;
    }

    /// <summary>A line each; what is no note is none.</summary>
    private static VersionNote? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        string[] lines = TextFile.Read(path, MostBytes).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length == 0 ? null
            : lines.Length > 2 && DateTimeOffset.TryParse(lines[2], CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out DateTimeOffset changed)
                ? new VersionNote(lines[0], lines[1], changed)
                : new VersionNote(lines[0], null, null);
    }
}
