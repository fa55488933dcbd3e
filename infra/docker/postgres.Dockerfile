# PostgreSQL from Debian's packages, for tests on machines that can pull no images.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends postgresql-15 \
 && rm -rf /var/lib/apt/lists/*
USER postgres
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/weir
RUN initdb --auth=trust --username=weir --encoding=UTF8 --locale=C.UTF-8 \
 && echo "host all all all trust" >> "$PGDATA/pg_hba.conf" \
 && echo "create database weir;" | postgres --single postgres >/dev/null
EXPOSE 5432
CMD ["postgres", "-c", "listen_addresses=*", "-c", "max_connections=200", "-c", "fsync=off"]
