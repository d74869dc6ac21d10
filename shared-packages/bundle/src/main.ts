#!/usr/bin/env node
import { resolve } from 'node:path';
import { bundleService } from './bundle-service.ts';

// rubot-bundle [folder of the service]
await bundleService(resolve(process.argv[2] ?? '.'));
