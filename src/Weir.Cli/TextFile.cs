// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace Weir.Cli;

/// <summary>Files that people name, which may be anything: a device that never ends, a disk's image.</summary>
public static class TextFile
{
    /// <summary>Of what one command reads in all.</summary>
    public const int MostBytes = 16 * BytesOfMb;

    private const int BytesOfMb = 1024 * 1024;

    /// <summary>The whole text.</summary>
    /// <param name="most">Bytes that it may have.</param>
    /// <param name="limit">Where those are what is left of a larger limit: that limit.</param>
    /// <exception cref="IOException">It has more; the message says so.</exception>
    public static string Read(string path, int most, int? limit = null)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        return Read(file, most, limit);
    }

    /// <summary>The same of a stream.</summary>
    public static string Read(Stream stream, int most, int? limit = null)
    {
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        int count;
        while ((count = stream.Read(buffer)) > 0)
        {
            bytes.Write(buffer, 0, count);
            if (bytes.Length > most)
            {
                throw new IOException($"this is too much to read: it may be {(limit ?? most) / BytesOfMb} MB{(limit is null ? "" : " in all")}");
            }
        }

        bytes.Position = 0;
        using var reader = new StreamReader(bytes, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
