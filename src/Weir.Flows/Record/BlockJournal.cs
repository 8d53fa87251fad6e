// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;

namespace Weir.Flows;

/// <summary>Blocks in files that only grow, the oldest of which go. Written by one, read by anybody meanwhile.
/// A file is eight bytes that name the format, then blocks: length, from, until (Unix time in ms), each in little endian, the first bytes
/// of the SHA-256 of these and of the block, and the block as gzip. What a crash cut off ends its file: whoever writes next begins another.</summary>
/// <param name="suffix">Of the files' names.</param>
/// <param name="format">Eight letters that name the format.</param>
/// <param name="beside">Suffixes of files beside them that count with them, and go with them.</param>
public class BlockJournal<T>(RecordOptions options, string suffix, string format, MessageParser<T> parser, TimeProvider time, params string[] beside) : IDisposable
    where T : class, IMessage<T>
{
    private const int TimesBytes = sizeof(int) + (2 * sizeof(long));
    private const int SumBytes = 8;
    private const int HeadBytes = TimesBytes + SumBytes;
    private const int MostBlock = 64 * 1024 * 1024;
    protected const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly byte[] _format = Encoding.ASCII.GetBytes(format);
    private readonly DatedFiles _files = new(options.Folder, [suffix, .. beside]);
    private readonly Lock _lock = new();
    private FileStream? _open;

    /// <summary>A file gets no longer than this, so that the oldest can go.</summary>
    protected virtual long MostOfFile => Math.Clamp(options.MostBytes / 16, 64 * 1024, 8 * 1024 * 1024);

    /// <summary>Bytes on disk, and since when there are any.</summary>
    public (long Bytes, DateTimeOffset? Since) Extent()
    {
        FileInfo[] files = _files.All();
        return (files.Sum(file => file.Length), files.Length == 0 ? null : DatedFiles.BeganAt(files[0]));
    }

    /// <summary>Keeps a block, and lets go of what is too old or too much.</summary>
    /// <exception cref="IOException">It is not kept; the next may be.</exception>
    public void Append(T block, DateTimeOffset from, DateTimeOffset until)
    {
        byte[] bytes = Pack(block, from, until);
        lock (_lock)
        {
            if (_open is { } open && (open.Length + bytes.Length > MostOfFile || from < DatedFiles.BeganAt(new FileInfo(open.Name))))
            {
                open.Dispose();
                _open = null;
            }

            _open ??= Begin(from);
            long whole = _open.Length;
            try
            {
                _open.Write(bytes);
                _open.Flush();
            }
            catch
            {
                // A half would hide what comes after it.
                Abandon(_open, whole);
                _open = null;
                throw;
            }
        }

        _files.LetGo(options.MostBytes, time.GetUtcNow() - options.Longest);
    }

    /// <summary>Blocks that may have flows of a time, oldest first.</summary>
    /// <param name="note">Told what cannot be read.</param>
    public IEnumerable<T> Read(DateTimeOffset since, DateTimeOffset until, Action<string> note) => ReadWithTimes(since, until, note).Select(block => block.Block);

    /// <summary>The same, each with when it begins.</summary>
    public IEnumerable<(T Block, DateTimeOffset From)> ReadWithTimes(DateTimeOffset since, DateTimeOffset until, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(note);
        return Ahead(_files.Of(since, until).Where(file => file.Extension == suffix).SelectMany(file => TryReadFile(file.FullName, since, until, note) ?? []).Select(block => (block.Block, block.From)));
    }

    /// <summary>While the caller looks at one, the next is made.</summary>
    protected static IEnumerable<TItem> Ahead<TItem>(IEnumerable<TItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        using IEnumerator<TItem> each = items.GetEnumerator();
        Task<bool> next = Task.Run(each.MoveNext);
        try
        {
            while (next.GetAwaiter().GetResult())
            {
                TItem item = each.Current;
                next = Task.Run(each.MoveNext);
                yield return item;
            }
        }
        finally
        {
            // Whoever has seen enough leaves one that is being made.
            ((IAsyncResult)next).AsyncWaitHandle.WaitOne();
        }
    }

    /// <summary>Files that may have something of a time, also those beside, oldest first.</summary>
    protected IEnumerable<FileInfo> FilesOf(DateTimeOffset since, DateTimeOffset until) => _files.Of(since, until);

    /// <summary>Files to which no block will be added, oldest first.</summary>
    protected IReadOnlyList<FileInfo> Finished()
    {
        lock (_lock)
        {
            return [.. _files.All().Where(file => file.Extension == suffix && file.FullName != _open?.Name)];
        }
    }

    /// <summary>Whether the next block begins a file, so that what is read from there on has all before it in it.</summary>
    /// <param name="most">Bytes of a file; and no file is of more than a day.</param>
    protected bool BeginsFile(long most, DateTimeOffset now)
    {
        lock (_lock)
        {
            return _open is not { } open || open.Length > most || now - DatedFiles.BeganAt(new FileInfo(open.Name)) is var age && (age < TimeSpan.Zero || age > TimeSpan.FromDays(1));
        }
    }

    /// <summary>The next block begins another file.</summary>
    protected void EndFile()
    {
        lock (_lock)
        {
            _open?.Dispose();
            _open = null;
        }
    }

    /// <summary>Bytes of the file that is written.</summary>
    protected long LengthOfFile
    {
        get
        {
            lock (_lock)
            {
                return _open?.Length ?? 0;
            }
        }
    }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing) => _open?.Dispose();

    /// <summary>A file's blocks; null: it is not there (any more).</summary>
    protected IEnumerable<(T Block, DateTimeOffset From, DateTimeOffset Until)>? TryReadFile(string path, DateTimeOffset since, DateTimeOffset until, Action<string> note)
    {
        ArgumentNullException.ThrowIfNull(note);
        return TryOpen(path) is { } file ? ReadFile(file, since, until, note) : null;
    }

    private IEnumerable<(T Block, DateTimeOffset From, DateTimeOffset Until)> ReadFile(FileStream opened, DateTimeOffset since, DateTimeOffset until, Action<string> note)
    {
        using FileStream file = opened;
        byte[] head = new byte[HeadBytes];
        if (file.ReadAtLeast(head.AsSpan(0, _format.Length), _format.Length, throwOnEndOfStream: false) < _format.Length)
        {
            yield break;
        }

        if (!head.AsSpan(0, _format.Length).SequenceEqual(_format))
        {
            note($"{file.Name} is none of this version's, and left out");
            yield break;
        }

        while (file.ReadAtLeast(head, HeadBytes, throwOnEndOfStream: false) == HeadBytes)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(head);
            long from = BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(sizeof(int)));
            long to = BinaryPrimitives.ReadInt64LittleEndian(head.AsSpan(sizeof(int) + sizeof(long)));
            if (length is <= 0 or > MostBlock || file.Position + length > file.Length)
            {
                yield break; // cut off, or being written
            }

            if (to < since.ToUnixTimeMilliseconds() || from > until.ToUnixTimeMilliseconds())
            {
                file.Seek(length, SeekOrigin.Current);
                continue;
            }

            byte[] packed = new byte[length];
            file.ReadExactly(packed);
            if (!SumOf(head.AsSpan(0, TimesBytes), packed).AsSpan().SequenceEqual(head.AsSpan(TimesBytes)) || Unpack(packed) is not { } block)
            {
                note($"{file.Name} is damaged before byte {file.Position}: the rest of it is left out");
                yield break;
            }

            yield return (block, DateTimeOffset.FromUnixTimeMilliseconds(from), DateTimeOffset.FromUnixTimeMilliseconds(to));
        }
    }

    private static byte[] Pack(T block, DateTimeOffset from, DateTimeOffset until)
    {
        using var packed = new MemoryStream();
        packed.Write(new byte[HeadBytes]);
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            block.WriteTo(gzip);
        }

        byte[] bytes = packed.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length - HeadBytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(sizeof(int)), from.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(sizeof(int) + sizeof(long)), until.ToUnixTimeMilliseconds());
        SumOf(bytes.AsSpan(0, TimesBytes), bytes.AsSpan(HeadBytes)).CopyTo(bytes.AsSpan(TimesBytes));
        return bytes;
    }

    private static byte[] SumOf(ReadOnlySpan<byte> head, ReadOnlySpan<byte> packed)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(head);
        hash.AppendData(packed);
        return hash.GetHashAndReset()[..SumBytes];
    }

    private T? Unpack(byte[] packed)
    {
        try
        {
            using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
            return parser.ParseFrom(gzip);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or IOException)
        {
            return null;
        }
    }

    /// <summary>Null: it is not there (any more).</summary>
    protected static FileStream? TryOpen(string path)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            return null; // let go meanwhile
        }
    }

    private FileStream Begin(DateTimeOffset from)
    {
        Directory.CreateDirectory(options.Folder, OwnerOnly | UnixFileMode.UserExecute);
        for (long name = from.ToUnixTimeMilliseconds(); ; name++)
        {
            string path = Path.Combine(options.Folder, DatedFiles.NameOf(name, suffix));
            if (File.Exists(path))
            {
                continue;
            }

            var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, UnixCreateMode = OwnerOnly, BufferSize = 0 });
            try
            {
                file.Write(_format);
                return file;
            }
            catch
            {
                file.Dispose();
                File.Delete(path);
                throw;
            }
        }
    }

    private static void Abandon(FileStream file, long whole)
    {
        try
        {
            file.SetLength(whole);
        }
        catch (IOException)
        {
            // Then its end is one that cannot be read, and nothing comes after it.
        }
        finally
        {
            file.Dispose();
        }
    }
}
