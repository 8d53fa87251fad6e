// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Weir.Flows;

/// <summary>Files of a folder that are named by when they begin, in milliseconds of Unix time.</summary>
/// <param name="suffixes">Of the names; other files are not looked at.</param>
internal sealed class DatedFiles(string folder, params string[] suffixes)
{
    internal static string NameOf(long ms, string suffix) => ms.ToString("D15", CultureInfo.InvariantCulture) + suffix;

    internal static DateTimeOffset BeganAt(FileInfo file) =>
        long.TryParse(Path.GetFileNameWithoutExtension(file.Name), NumberStyles.None, CultureInfo.InvariantCulture, out long ms) && ms < DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(ms)
            : DateTimeOffset.UnixEpoch;

    /// <summary>The oldest first.</summary>
    internal FileInfo[] All()
    {
        if (!Directory.Exists(folder))
        {
            return [];
        }

        FileInfo[] files = [.. new DirectoryInfo(folder).GetFiles().Where(file => suffixes.Contains(file.Extension) && BeganAt(file) > DateTimeOffset.UnixEpoch)];
        Array.Sort(files, (one, other) => string.CompareOrdinal(one.Name, other.Name));
        return files;
    }

    /// <summary>Those that may have something of a time: each ends before the next begins.</summary>
    internal IEnumerable<FileInfo> Of(DateTimeOffset since, DateTimeOffset until)
    {
        FileInfo[] files = All();
        return files.Where((file, i) => BeganAt(file) <= until && (i + 1 == files.Length || BeganAt(files[i + 1]) >= since));
    }

    /// <summary>The oldest go where there are too many bytes, and what is all of it older than it may be: when the next began before that.</summary>
    internal void LetGo(long mostBytes, DateTimeOffset oldest)
    {
        FileInfo[] files = All();
        long bytes = files.Sum(file => file.Length);
        for (int i = 0; i < files.Length - 1 && (bytes > mostBytes || BeganAt(files[i + 1]) < oldest); i++)
        {
            bytes -= files[i].Length;
            files[i].Delete();
        }
    }
}
